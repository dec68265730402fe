// Writes that both a Client and a Registration make, with a time limit of their own.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/src/client_core.h"
#include "registry/past.h"
#include "registry/types.h"
#include "registry/v1/registration.pb.h"

namespace registry {

// The request has its request id, and ids for its instances and lease.
absl::StatusOr<RegisterResult> Register(ClientCore& core, const v1::RegisterRequest& request,
                                        Clock::duration timeout);

absl::StatusOr<DeregisterResult> Deregister(ClientCore& core,
                                            const std::vector<InstanceRef>& instances,
                                            const DeregisterOptions& options,
                                            Clock::duration timeout);

absl::StatusOr<ChangeResult> Update(ClientCore& core, const InstanceUpdate& update,
                                    Clock::duration timeout);

absl::StatusOr<ChangeResult> SetHealth(ClientCore& core, const InstanceRef& instance, Health health,
                                       const std::string& message, bool force,
                                       Clock::duration timeout);

// Turns the instance DRAINING and waits, `wait` at most, until every live subscriber has
// acknowledged that; beyond it the client's timeout for the answer. Asks in slices of a few seconds,
// so that a node that falls silent does not take the whole wait.
absl::StatusOr<DrainResult> Drain(ClientCore& core, const InstanceRef& instance,
                                  const std::string& message, bool force, Clock::duration wait);

absl::StatusOr<RevokeResult> RevokeLease(ClientCore& core, uint64_t lease_id, uint64_t epoch,
                                         Clock::duration timeout);

}  // namespace registry
