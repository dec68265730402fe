// What operators see and let go of: overrides, settings of services, and what the guard holds.
//
// Reads are of this node's view, sorted by name and paged by the caller; everything that changes
// something goes through operations/writes.h, and here only what takes more than one command.
// Threads: any. Errors: PERMISSION_DENIED, UNAUTHENTICATED.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/liveness/liveness_driver.h"
#include "registryd/operations/access.h"
#include "registryd/operations/reads.h"
#include "registryd/operations/writes.h"

namespace registryd::operations {

struct HeldService {
  std::string name;  // "namespace/service"
  uint32_t suspect = 0;
  uint32_t passing = 0;
  int64_t since_ms = 0;  // of the one that is held longest
  uint64_t left = 0;     // that left for silence within the last ttl
};

class Oversight {
 public:
  static constexpr size_t kHeldMax = 10'000;

  struct Parts {
    Reads* reads = nullptr;
    Writes* writes = nullptr;
    Access* access = nullptr;
    liveness::LivenessDriver* liveness = nullptr;
  };
  explicit Oversight(Parts parts) : parts_(parts) {}

  struct Overrides {
    ViewPtr view;
    std::vector<core::OverridePtr> entries;
    bool more = false;
  };
  // At most `most` overrides, sorted by target, behind `after`. `ns` and `service` narrow them;
  // empty: all.
  absl::StatusOr<Overrides> ListOverrides(const Caller& caller, std::string_view ns,
                                          std::string_view service, const std::string& after,
                                          size_t most);
  // The service's record, or one with nothing in it.
  struct Settings {
    ViewPtr view;
    core::ServiceRecordPtr record;
  };
  absl::StatusOr<Settings> Service(const Caller& caller, const std::string& service_name);

  struct Held {
    ViewPtr view;
    std::vector<HeldService> services;  // at most kHeldMax
    liveness::IntakeStatus intake;
  };
  absl::StatusOr<Held> ListHeld(const Caller& caller);
  AnswerStamp Stamp(const replica::View& view) const { return parts_.reads->Stamp(view); }

  // Lets go of everything that is held in a service (empty: in all), as many commands as it takes.
  // `done` gets the last reply with the number of all instances that turned.
  void Release(const Caller& caller, const core::RequestId& request, std::string service,
               Writes::Done done);

 private:
  const Parts parts_;
};

}  // namespace registryd::operations
