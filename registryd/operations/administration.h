// What an operator does to the cluster: members, leadership, backups.
//
//   administration.Change(caller, {.kind = Kind::kRemove, .id = id}, done);
//   ASSIGN_OR_RETURN(auto backup, administration.OpenBackup(caller));
//   for (;;) { ASSIGN_OR_RETURN(std::string chunk, backup->Next()); if (chunk.empty()) break; ... }
//
// Threads: any; `done` runs once, on any thread. Errors: PERMISSION_DENIED; consensus's of
// membership_calls.h; RESOURCE_EXHAUSTED: kBackupsMax are under way. Each holds the files of the
// state as it was, so a forgotten one would cost disk: it ends with its stream.
#pragma once

#include <atomic>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/consensus/membership_calls.h"
#include "registryd/operations/access.h"

namespace registryd::operations {

class Administration {
 public:
  static constexpr int kBackupsMax = 2;
  using Done = absl::AnyInvocable<void(absl::Status) &&>;

  struct Parts {
    consensus::MembershipCalls* members = nullptr;
    consensus::SnapshotStore* snapshots = nullptr;
    Access* access = nullptr;
  };
  explicit Administration(Parts parts) : parts_(parts) {}

  void Change(const Caller& caller, consensus::MembershipChange change, Done done);
  void Transfer(const Caller& caller, NodeId to, Done done);
  // Ends when it is destroyed, which must happen before this object goes.
  absl::StatusOr<std::unique_ptr<consensus::SnapshotSource>> OpenBackup(const Caller& caller);

 private:
  Done Recorded(const Caller& caller, Verb verb, Done done);

  const Parts parts_;
  std::atomic<int> backups_{0};
};

}  // namespace registryd::operations
