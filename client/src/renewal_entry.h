// One Registration as the loop thread sees it: what is registered, and what is known about it.
//
// The loop thread changes it (before ClientLoop::Add: the thread that made it); others read
// status() and left_behind(). Events are delivered without locks.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
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

  std::vector<InstanceSpec> specs() const;  // as they are to be registered now
  const RegistrationOptions& options() const { return options_; }
  RegistrationStatus status() const;
  LeftBehind left_behind() const;

  // What the application says now. It is registered again with it, whatever happens to the lease.
  struct Change {
    size_t index = 0;
    InstanceUpdate parts;
    InstanceSpec before;
    uint64_t version = 0;    // of the content, with this change
    bool rest_told = false;  // the registry knew all but this change
  };
  enum class Answer { kTaken, kRefused, kUnknown };
  Change Merge(size_t index, const InstanceUpdate& parts);
  // The call that told of this change has ended. What is not known to be told then is untold.
  void Answered(const Change& change, Answer answer);
  // The health's version from now on.
  uint64_t Say(Health health, const std::string& message, bool force = false);
  void Answered(uint64_t health_version, bool taken);
  // The registry does not know all of it.
  bool untold() const;
  // Instance `index` as it is registered; incarnation 0: it is not.
  InstanceRef ref(size_t index) const;
  size_t size() const { return size_; }

  // What to tell the registry next, and that it has been told. An answer about something older than
  // what is said by then counts for nothing.
  struct Report {
    uint64_t content_version = 0;  // when not 0: `content` is to be registered
    uint64_t health_version = 0;   // when not 0: `health` is to be set of instance `index`
    v1::RegisterRequest content;
    v1::SetHealthRequest health;
  };
  Report NextReport(RequestIds& ids, size_t index) const;
  void ContentTold(uint64_t version);
  void HealthTold(uint64_t version);
  uint64_t health_version() const;

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
  InstanceRef RefLocked(size_t index) const;

  const RegistrationOptions options_;
  const size_t size_;

  mutable std::mutex
      mutex_;  // guards all below; the loop thread reads what it alone writes without
  std::vector<InstanceSpec> specs_;
  uint64_t content_version_ = 1;
  uint64_t content_told_ = 0;
  Health health_ = Health::kPassing;
  std::string message_;
  bool force_ = false;
  uint64_t health_version_ = 1;
  uint64_t health_told_ = 0;
  RegistrationStatus published_;
  bool reachable_ = true;
  TimePoint renewed_at_{};
  uint64_t attempted_lease_id_ = 0;  // 0: no attempt is open
  v1::RequestId attempt_;            // loop thread only, as is the next
  uint64_t attempted_version_ = 0;   // of the content of the first try of this attempt
};

}  // namespace registry
