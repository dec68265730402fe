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
// leader that watched these leases.
struct ExpireLeases {
  std::vector<LeaseRef> leases;
  Term term;
  friend bool operator==(const ExpireLeases&, const ExpireLeases&) = default;
};
// Removes instances that have been CRITICAL by an expired lease for long. Others, and other
// incarnations, are passed over.
struct RemoveCritical {
  std::vector<Target> targets;
  friend bool operator==(const RemoveCritical&, const RemoveCritical&) = default;
};

// Changes up to this revision are forgotten by the history. Proposed by the leader's upkeep; it never moves back, and
// never beyond the present revision. Changes nothing that is visible.
struct TrimHistory {
  Revision floor;
  friend bool operator==(const TrimHistory&, const TrimHistory&) = default;
};

using Command = std::variant<Register, Deregister, Update, SetHealth, GrantLease, RevokeLease,
                             ExpireLeases, RemoveCritical, TrimHistory>;

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
struct CountReply {  // of RevokeLease, ExpireLeases, RemoveCritical: instances that left or turned; of TrimHistory: 0
  uint64_t count = 0;
};
struct Reply {
  // Not OK: the command changed nothing. NOT_FOUND, FAILED_PRECONDITION; the message names the id.
  absl::Status status;
  Revision revision;
  std::variant<std::monostate, RegisterReply, DeregisterReply, InstanceReply, LeaseReply,
               CountReply>
      value;
};

}  // namespace registryd::core
