// One Registration as the loop thread sees it: what is registered, and what is known about it.
//
// The loop thread changes it (before ClientLoop::Add: the thread that made it); others read
// status() and left_behind(). Events are delivered without locks.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "client/local/clock.h"
#include "client/src/request_ids.h"
#include "registry/registration.h"
#include "registry/types.h"
#include "registry/v1/registration.pb.h"
#include "registry/v1/types.pb.h"

namespace registry {

class RenewalEntry {
 public:
  // What may still be in the registry, for whoever takes it out.
  struct LeftBehind {
    Lease lease;                      // id 0: none
    uint64_t attempted_lease_id = 0;  // of a registration whose outcome is not known; 0: none
    std::vector<InstanceRef> instances;
  };

  // The specs have ids.
  RenewalEntry(std::vector<InstanceSpec> specs, RegistrationOptions options);

  const std::vector<InstanceSpec>& specs() const { return specs_; }
  const RegistrationOptions& options() const { return options_; }
  RegistrationStatus status() const;
  LeftBehind left_behind() const;

  // Loop thread only, from here on.

  const Lease& lease() const { return published_.lease; }  // no lock: nobody else changes it
  TimePoint renewed_at() const { return renewed_at_; }

  // The request that registers it anew: with the ids of the attempt whose outcome is not known yet,
  // else with new ones.
  v1::RegisterRequest Request(RequestIds& ids);
  void Granted(const RegisterResult& result, TimePoint asked_at);
  void Renewed(TimePoint sent_at);
  void Lost();
  void Left();  // deregistered
  // Tells the application once for each change.
  void SetReachable(bool reachable, const absl::Status& why);
  void Notify(RegistrationEvent::Kind kind, const absl::Status& status) const;

 private:
  const std::vector<InstanceSpec> specs_;
  const RegistrationOptions options_;

  mutable std::mutex mutex_;  // guards the next four; the loop thread reads them without it
  RegistrationStatus published_;
  bool reachable_ = true;
  TimePoint renewed_at_{};
  uint64_t attempted_lease_id_ = 0;  // 0: no attempt is open
  v1::RequestId attempt_;            // loop thread only
};

}  // namespace registry
