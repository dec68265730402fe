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
//
// A lease is no way around the policy: who is identified and may not operate owns its leases by its
// identity, which takes the place of the owner that it names. So the state refuses another one that
// attaches to such a lease (FAILED_PRECONDITION), and nobody else ends it (PERMISSION_DENIED).
#pragma once

#include <functional>

#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/core/commands.h"
#include "registryd/operations/access.h"
#include "registryd/operations/owned_instances.h"
#include "registryd/replica/replica.h"

namespace registryd::operations {

class Writes {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<core::Reply>) &&>;

  // Who owns a lease, on the loop; absent: there is none.
  using LeaseOwner =
      std::function<void(LeaseId, absl::AnyInvocable<void(std::optional<std::string>) &&>)>;
  struct Guards {
    const replica::Replica* replica = nullptr;  // asked how full a namespace is
    LeaseOwner lease_owner = nullptr;
    // 0: no limit. Counted on this node about once a second, so that a crowd may overshoot by what
    // it registers in a second.
    uint64_t instances_per_namespace = 0;
    const OwnedInstances* owned = nullptr;  // where there is a limit for identities
    uint64_t instances_per_identity = 0;    // on its leases; 0: no limit
  };

  Writes(consensus::Proposer* proposer, Access* access) : Writes(proposer, access, Guards()) {}
  Writes(consensus::Proposer* proposer, Access* access, Guards guards)
      : proposer_(proposer), access_(access), guards_(std::move(guards)) {}

  // `as`: the verb that the caller needs, where it is not the command's own (a drain is a report).
  void Submit(const Caller& caller, const core::RequestId& request, core::Command command,
              Done done, std::optional<Verb> as = std::nullopt);

 private:
  absl::Status CheckRoom(const Caller& caller, const core::Register& command);
  absl::Status CheckNamespace(const std::string& ns, uint64_t more);
  void Propose(const Caller& caller, const core::RequestId& request, const core::Command& command,
               Verb verb, std::string object, Done done);

  consensus::Proposer* const proposer_;
  Access* const access_;
  const Guards guards_;
  // Instances of a namespace, counted at a time; counting is linear in its services.
  struct Room {
    int64_t counted_ms = 0;
    uint64_t instances = 0;
  };
  const SystemClock clock_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, Room> rooms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace registryd::operations
