// What can be asked of the registry's state, and what it answers.
//
// A command is complete: ids and defaults are filled in by `operations`, the time is stamped by the
// leader. Applying it reads nothing but the state, the command and its Context, so every member
// computes the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "registryd/core/guard.h"
#include "registryd/core/service_record.h"
#include "registryd/core/types.h"

namespace registryd::core {

// A lease that a Register or GrantLease call names. ttl_ms 0: it must exist; otherwise it is
// granted where absent.
struct LeaseClaim {
  LeaseId id;
  int64_t ttl_ms = 0;
  std::string owner;
  friend bool operator==(const LeaseClaim&, const LeaseClaim&) = default;
};

// One instance; incarnation 0 means whichever life it has now.
struct Target {
  InstanceName name;
  Revision incarnation;
  friend bool operator==(const Target&, const Target&) = default;
};

struct Register {
  std::vector<InstanceSpec> instances;
  std::optional<LeaseClaim> lease;  // absent: permanent instances
  friend bool operator==(const Register&, const Register&) = default;
};
struct Deregister {
  std::vector<Target> targets;
  std::string reason = {};  // for people, in history
  // Who asks has seen the processes end: a fact, ranked above a failed check and above silence.
  bool process_exit = false;
  bool force = false;  // although the service falls below its min_healthy
  friend bool operator==(const Deregister&, const Deregister&) = default;
};
struct Update {
  Target target;
  Revision expected;  // when not 0: the instance's `changed` must be this
  std::optional<std::vector<Label>> labels;
  std::optional<std::vector<Endpoint>> endpoints;
  std::optional<uint32_t> weight;
  std::optional<std::string> version;
  std::optional<std::string> zone;
  friend bool operator==(const Update&, const Update&) = default;
};
struct SetHealth {
  Target target;
  Report report = Report::kPassing;
  std::string message;
  bool force = false;  // DRAINING although the service falls below its min_healthy
  friend bool operator==(const SetHealth&, const SetHealth&) = default;
};
struct GrantLease {
  LeaseClaim lease;  // ttl_ms not 0
  friend bool operator==(const GrantLease&, const GrantLease&) = default;
};
// Ends a lease and removes its instances.
struct RevokeLease {
  LeaseId id;
  LeaseEpoch epoch;  // 0: any
  friend bool operator==(const RevokeLease&, const RevokeLease&) = default;
};
struct LeaseRef {
  LeaseId id;
  LeaseEpoch epoch;
  friend bool operator==(const LeaseRef&, const LeaseRef&) = default;
  template <class H>
  friend H AbslHashValue(H h, const LeaseRef& ref) {
    return H::combine(std::move(h), ref.id, ref.epoch);
  }
};
// Silence: proposed by the leader's liveness driver. A lease with another epoch is passed over. The
// whole command is passed over when `term` is not the entry's term: the proposer was no longer the
// leader that watched these leases. A lease leaves whole, or stays whole: beyond the guard's share
// its instances turn SUSPECT and it can still be renewed.
struct ExpireLeases {
  std::vector<LeaseRef> leases;
  Term term;
  std::optional<GuardRule> guard = {};  // absent: everything that is silent leaves
  friend bool operator==(const ExpireLeases&, const ExpireLeases&) = default;
};
// Removes instances that have been CRITICAL by an expired lease for long. Others, and other
// incarnations, are passed over.
struct RemoveCritical {
  std::vector<Target> targets;
  friend bool operator==(const RemoveCritical&, const RemoveCritical&) = default;
};

// Changes up to this revision are forgotten by the history. Proposed by the leader's upkeep; it
// never moves back, and never beyond the present revision. Changes nothing that is visible.
struct TrimHistory {
  Revision floor;
  friend bool operator==(const TrimHistory&, const TrimHistory&) = default;
};

// Silent leases that were renewed: their SUSPECT instances are PASSING again. Others are passed
// over.
struct ReviveLeases {
  std::vector<LeaseRef> leases;
  friend bool operator==(const ReviveLeases&, const ReviveLeases&) = default;
};
// An operator lets go of what the guard holds: silent leases with an instance in the service
// (empty: in any) end, and their instances turn CRITICAL. At most kReleasedPerCommand leases at a
// time; the reply tells how many are left.
struct ReleaseGuard {
  std::string service;  // "namespace/service"
  friend bool operator==(const ReleaseGuard&, const ReleaseGuard&) = default;
};
// What is due by the state's time: overrides that end, and silent leases that the guard has held
// for so long that it lets them go, no more than its share within a ttl.
struct Tend {
  GuardRule guard;
  friend bool operator==(const Tend&, const Tend&) = default;
};
// MAINTENANCE on an instance or a whole service, there or not. Replaces the target's earlier one.
struct SetMaintenance {
  std::string target;  // "namespace/service/id" or "namespace/service"
  std::string owner;   // empty: the actor
  std::string reason;
  int64_t duration_ms = 0;  // 0: until somebody ends it
  bool force = false;       // although the service falls below its min_healthy
  friend bool operator==(const SetMaintenance&, const SetMaintenance&) = default;
};
struct EndMaintenance {
  std::string target;
  friend bool operator==(const EndMaintenance&, const EndMaintenance&) = default;
};
// Settings of a service, there or not. Only what is given changes.
struct SetService {
  std::string service;  // "namespace/service"
  std::optional<uint32_t> min_healthy;
  friend bool operator==(const SetService&, const SetService&) = default;
};
// Which members make the active checks. The leader proposes it when members come and go; who checks
// what follows from it alone (core/check_owner.h), so that each instance has one owner at a time.
struct SetCheckers {
  std::vector<NodeId> nodes;  // sorted
  friend bool operator==(const SetCheckers&, const SetCheckers&) = default;
};
// What active checks found, proposed when it differs from the state. A result of another
// incarnation or check epoch, or from a member that does not own the check, is passed over.
struct ReportChecks {
  struct Result {
    Target target;
    Revision epoch;
    bool passed = false;
    std::string message;
    friend bool operator==(const Result&, const Result&) = default;
  };
  NodeId node;
  std::vector<Result> results;
  friend bool operator==(const ReportChecks&, const ReportChecks&) = default;
};

// Every member's program knows this feature level, so commands that need it may follow. Proposed by
// the leader; it never moves back. Changes nothing that is visible.
struct RaiseFeatureLevel {
  uint32_t level = 0;
  friend bool operator==(const RaiseFeatureLevel&, const RaiseFeatureLevel&) = default;
};

using Command =
    std::variant<Register, Deregister, Update, SetHealth, GrantLease, RevokeLease, ExpireLeases,
                 RemoveCritical, ReviveLeases, ReleaseGuard, Tend, SetMaintenance, EndMaintenance,
                 SetService, SetCheckers, ReportChecks, TrimHistory, RaiseFeatureLevel>;

struct RequestId {
  uint64_t client_id = 0;  // 0: no request id
  uint64_t sequence = 0;
  friend bool operator==(const RequestId&, const RequestId&) = default;
  template <class H>
  friend H AbslHashValue(H h, const RequestId& id) {
    return H::combine(std::move(h), id.client_id, id.sequence);
  }
};

// What comes with a command besides itself.
struct Context {
  int64_t time_ms = 0;  // the leader's stamp; the state takes max(its own time, this)
  Term term;            // of the log entry
  RequestId request;
  std::string actor;
};

// Replies. `revision` is the state's revision after the command.
struct RegisterReply {
  std::vector<Revision> incarnations;  // 0: a repeated request whose instance is gone since
  std::optional<Lease> lease;
};
struct DeregisterReply {
  std::vector<bool> removed;
};
struct InstanceReply {  // of Update and SetHealth
  InstancePtr instance;
};
struct LeaseReply {  // of GrantLease
  Lease lease;
};
// Of the commands of leases, guard and checks: instances that left or turned; of TrimHistory: 0.
struct CountReply {
  uint64_t count = 0;
  uint64_t left = 0;  // of ReleaseGuard: silent leases of the service that are still held
};
struct MaintenanceReply {  // of SetMaintenance and EndMaintenance
  OverridePtr override_;
  uint64_t count = 0;  // instances that turned
};
struct ServiceReply {  // of SetService; the record is never null
  ServiceRecordPtr record;
};
struct Reply {
  // Not OK: the command changed nothing. NOT_FOUND, FAILED_PRECONDITION; the message names the id.
  absl::Status status;
  Revision revision;
  std::variant<std::monostate, RegisterReply, DeregisterReply, InstanceReply, LeaseReply,
               CountReply, MaintenanceReply, ServiceReply>
      value;
};

}  // namespace registryd::core
