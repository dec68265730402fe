// Renewals, the same way for every door: checked, then queued for the leader's loop. Nothing of it
// is replicated.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "registryd/liveness/liveness_driver.h"
#include "registryd/operations/access.h"
#include "registryd/operations/authenticator.h"

namespace registryd::operations {

class Renewals {
 public:
  static constexpr size_t kLeasesPerFrame = 20'000;

  // `authenticator`: admits frames by their own rate; null: all.
  Renewals(liveness::RenewalSink* sink, Access* access, Authenticator* authenticator = nullptr)
      : sink_(sink), access_(access), authenticator_(authenticator) {}

  // OK: frame.done will run once, on any thread. Otherwise it never runs. Threads: any.
  absl::Status Submit(const Caller& caller, liveness::RenewalFrame&& frame);

 private:
  liveness::RenewalSink* const sink_;
  Access* const access_;
  Authenticator* const authenticator_;
};

}  // namespace registryd::operations
