#include "registryd/operations/renewals.h"

#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::operations {

absl::Status Renewals::Submit(const Caller& caller, liveness::RenewalFrame&& frame) {
  if (frame.leases.size() > kLeasesPerFrame) {
    return absl::InvalidArgumentError(
        Text("lease_ids: at most ", kLeasesPerFrame, " in one frame, are ", frame.leases.size()));
  }
  RETURN_IF_ERROR(access_->Authorize(caller, Verb::kLease, {}));
  if (authenticator_ != nullptr) RETURN_IF_ERROR(authenticator_->AdmitRenewal(caller));
  if (!sink_->Renew(std::move(frame))) {
    return absl::ResourceExhaustedError(
        "too many renewal frames wait on this node; send the frame again in 100 ms");
  }
  return absl::OkStatus();
}

}  // namespace registryd::operations
