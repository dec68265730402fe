// One command on its way through the registry's state. Used by registry.cc only; lives for one
// Apply.
//
// Each command is checked whole before anything is changed, so a refused one leaves no trace. The
// run numbers its changes with the revision after the present one; Registry::Apply takes that
// number when something did change.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
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
  // Once, after Apply: stores what was edited, and tells whether the guard began or ended to hold.
  void Finish();

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
  absl::Status Do(const ReviveLeases& command);
  absl::Status Do(const ReleaseGuard& command);
  absl::Status Do(const Tend& command);
  absl::Status Do(const SetMaintenance& command);
  absl::Status Do(const EndMaintenance& command);
  absl::Status Do(const SetService& command);
  absl::Status Do(const SetCheckers& command);
  absl::Status Do(const ReportChecks& command);
  absl::Status Do(const RaiseFeatureLevel& command);

  absl::Status Again(const Register& command);
  absl::Status Again(const Deregister& command);
  absl::Status Again(const Update& command) { return AgainOne(command.target); }
  absl::Status Again(const SetHealth& command) { return AgainOne(command.target); }
  absl::Status Again(const GrantLease& command);
  absl::Status Again(const SetMaintenance& command);
  absl::Status Again(const EndMaintenance& command);
  absl::Status Again(const SetService& command);
  absl::Status Again(const SetCheckers&) { return absl::OkStatus(); }
  template <class Counted>
  absl::Status Again(const Counted&) {
    return AgainCount();
  }
  absl::Status AgainOne(const Target& target);
  absl::Status AgainCount();

  absl::Status CheckClaim(const LeaseClaim& claim) const;
  const Lease& TakeClaim(const LeaseClaim& claim);
  const Lease* FindOwn(const LeaseClaim& claim) const;
  absl::Status CheckTarget(const Target& target, const InstancePtr& found) const;
  void TakeCheck(bool same_life, Instance& instance);
  Revision RegisterOne(const InstanceSpec& spec, LeaseId lease);
  AttachedInstances EndLease(LeaseId id);

  // The guard (command_run_guard.cc).
  // Served instances of a lease, by service.
  struct ServedOnLease {
    std::vector<std::pair<std::string_view, uint32_t>> services;
    uint32_t total = 0;
  };
  enum class Silence { kFresh, kHeldForLong };
  ServedOnLease CountServed(LeaseId id) const;
  // May these leave for silence now? If not, `why` says what the guard counted.
  bool MayLeave(const ServedOnLease& served, const GuardRule& rule, Silence silence,
                std::string* why);
  void CountLeaving(const ServedOnLease& served, int64_t ttl_ms);
  // Instances that turned.
  uint64_t ExpireLease(LeaseId id, Cause cause, const std::string& evidence);
  uint64_t HoldLease(LeaseId id, const std::string& why);
  uint64_t ReviveLease(LeaseId id);
  uint64_t LetGoOfHeld(const GuardRule& rule);

  // An operator's words (command_run_operator.cc).
  absl::Status CheckRoom(const ServiceRecord& record) const;
  absl::Status CheckMinHealthy(std::string_view service, uint32_t leaving, bool force,
                               std::string* forced) const;
  absl::Status CheckMinHealthy(const Deregister& command, std::string* forced) const;
  OverridePtr TakeOverride(const std::string& target);  // there is one
  uint64_t EndDueOverrides();
  uint64_t CoverAgain(const std::string& target, Cause cause, const std::string& evidence);
  OverridePtr FindOverride(const std::string& target) const;

  // A service's record as this command has it by now, and a copy to change.
  const ServiceRecord& Record(std::string_view service) const;
  ServiceRecord& EditRecord(std::string_view service);

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
  std::map<std::string, ServiceRecord, std::less<>> edited_;
  std::map<std::string, uint32_t, std::less<>> suspects_before_;  // of services where they changed
};

template <class Edit>
InstancePtr CommandRun::Change(const InstancePtr& before, Cause cause, std::string evidence,
                               Edit edit) {
  auto after = std::make_shared<Instance>(*before);
  edit(*after);
  if (*after == *before) return before;
  after->changed = revision_;
  after->changed_ms = now_ms_;
  if (after->health() != before->health()) after->health_since_ms = now_ms_;
  Replace(before, after, cause, std::move(evidence));
  return after;
}

}  // namespace registryd::core
