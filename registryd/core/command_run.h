// One command on its way through the registry's state. Used by registry.cc only; lives for one
// Apply.
//
// Each command is checked whole before anything is changed, so a refused one leaves no trace. The
// run numbers its changes with the revision after the present one; Registry::Apply takes that
// number when something did change.
#pragma once

#include <string>
#include <vector>

#include "registryd/core/registry.h"

namespace registryd::core {

class CommandRun {
 public:
  CommandRun(Registry& registry, const Context& context, Outcome& outcome);

  void Apply(const Command& command);
  // A request that was applied before: answers from the state as it is now and changes nothing.
  // What belongs to somebody else by now is answered as gone, so that nobody learns the incarnation
  // or epoch of a life not their own.
  void AnswerAgain(const Command& command);

 private:
  absl::Status Do(const Register& command);
  absl::Status Do(const Deregister& command);
  absl::Status Do(const Update& command);
  absl::Status Do(const SetHealth& command);
  absl::Status Do(const GrantLease& command);
  absl::Status Do(const RevokeLease& command);
  absl::Status Do(const ExpireLeases& command);
  absl::Status Do(const RemoveCritical& command);
  absl::Status Do(const TrimHistory& command);

  absl::Status Again(const Register& command);
  absl::Status Again(const Deregister& command);
  absl::Status Again(const Update& command) { return AgainOne(command.target); }
  absl::Status Again(const SetHealth& command) { return AgainOne(command.target); }
  absl::Status Again(const GrantLease& command);
  absl::Status Again(const RevokeLease&) { return AgainCount(); }
  absl::Status Again(const ExpireLeases&) { return AgainCount(); }
  absl::Status Again(const RemoveCritical&) { return AgainCount(); }
  absl::Status Again(const TrimHistory&) { return AgainCount(); }
  absl::Status AgainOne(const Target& target);
  absl::Status AgainCount();

  absl::Status CheckClaim(const LeaseClaim& claim) const;
  const Lease& TakeClaim(const LeaseClaim& claim);
  const Lease* FindOwn(const LeaseClaim& claim) const;
  absl::Status CheckTarget(const Target& target, const InstancePtr& found) const;
  Revision RegisterOne(const InstanceSpec& spec, LeaseId lease);
  AttachedInstances EndLease(LeaseId id);

  // Edits a copy; a copy that equals the original is dropped. Returns what is in the state then.
  template <class Edit>
  InstancePtr Change(const InstancePtr& before, Cause cause, std::string evidence, Edit edit);
  // The only way that instances enter, change (both given) and leave.
  void Replace(InstancePtr before, InstancePtr after, Cause cause, std::string evidence);
  void Attach(const Instance& instance);
  void Detach(const Instance& instance);

  Registry& registry_;
  const Context& context_;
  Outcome& outcome_;
  const Revision revision_;  // of this command's changes
  const int64_t now_ms_;
};

}  // namespace registryd::core
