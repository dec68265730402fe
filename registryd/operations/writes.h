// Everything that changes the registry, the same way for every door: fill in, validate, authorize,
// encode, propose, record.
//
//   writes.Submit(caller, request_id, core::Register{...}, [](absl::StatusOr<core::Reply> reply) {
//   ... });
//
// Ids that the caller left out are made here, before the command is encoded, so that every member
// applies the same bytes. `done` runs exactly once: at once with a refusal, on the loop with the
// reply (its status may be a refusal by the state: NOT_FOUND, FAILED_PRECONDITION; Submit turns it
// into the error), or on any thread with UNAVAILABLE, ABORTED or RESOURCE_EXHAUSTED. It must not
// block. Threads: any.
#pragma once

#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/core/commands.h"
#include "registryd/operations/access.h"

namespace registryd::operations {

class Writes {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<core::Reply>) &&>;

  Writes(consensus::Proposer* proposer, Access* access) : proposer_(proposer), access_(access) {}

  // `as`: the verb that the caller needs, where it is not the command's own (a drain is a report).
  void Submit(const Caller& caller, const core::RequestId& request, core::Command command,
              Done done, std::optional<Verb> as = std::nullopt);

 private:
  consensus::Proposer* const proposer_;
  Access* const access_;
};

}  // namespace registryd::operations
