// Renewals, the same way for every door: checked, then queued for the loop. Nothing of it is
// replicated.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "registryd/liveness/liveness_driver.h"
#include "registryd/operations/access.h"

namespace registryd::operations {

class Renewals {
 public:
  static constexpr size_t kLeasesPerFrame = 20'000;

  Renewals(liveness::LivenessDriver* driver, Access* access) : driver_(driver), access_(access) {}

  // OK: frame.done will run once, on the loop. Otherwise it never runs. Threads: any.
  absl::Status Submit(const Caller& caller, liveness::RenewalFrame&& frame);

 private:
  liveness::LivenessDriver* const driver_;
  Access* const access_;
};

}  // namespace registryd::operations
