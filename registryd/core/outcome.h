// What a command did, and why: what storage, view, watches, history, audit and metrics are told.
//
// Every change of an instance carries its cause and, where there is more to say, evidence: a short
// text for people ("lease 7 was silent for its ttl of 6000 ms"). Who asked and when stands once in
// the outcome, because it is the same for all changes of a command.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registryd/core/commands.h"
#include "registryd/core/types.h"

namespace registryd::core {

// Why an instance entered, changed or left. The numbers lie on disk (history) and are never reused.
enum class Cause : uint8_t {
  kRegister = 1,
  kDeregister = 2,
  kUpdate = 3,
  kReport = 4,           // SetHealth: what the instance says of itself
  kLeaseRevoked = 5,     // the owner ended its lease
  kLeaseExpired = 6,     // silence
  kRemoveAfter = 7,      // critical for long
  kProcessExit = 8,      // somebody beside the process saw it end
  kGuardHeld = 9,        // silent, but kept as SUSPECT
  kGuardReleased = 10,   // an operator let go of what the guard held
  kGuardHoldEnded = 11,  // silent for so long that the guard lets it go
  kRenewed = 12,         // a SUSPECT one was heard of again
  kCheckPassed = 13,
  kCheckFailed = 14,
  kMaintenanceOn = 15,  // an operator's override
  kMaintenanceOff = 16,
  kMaintenanceEnded = 17,  // its time was over
};
// "lease expired"
std::string_view ToString(Cause cause);

// `before` absent: it appeared. `after` absent: it left. Never both.
struct InstanceChange {
  InstancePtr before;
  InstancePtr after;
  Cause cause;
  std::string evidence = {};  // may be empty: the cause says all
  const InstanceName& name() const { return after ? after->name() : before->name(); }
};
// `after` absent: the lease ended.
struct LeaseChange {
  LeaseId id;
  std::optional<Lease> after;
};
// The slot of the request window that this command took.
struct RequestSlot {
  uint64_t slot = 0;
  RequestId request;
  Revision revision;
};

// `after` absent: the service has no record any more. Each service at most once in an outcome.
struct ServiceChange {
  std::string name;
  ServiceRecordPtr after;
};
// What happened to a service or to the whole registry beside its instances. The numbers lie on disk
// (history).
enum class EventKind : uint8_t {
  kGuardEntered = 1,  // the guard begins to hold instances
  kGuardLeft = 2,     // it holds none any more
  kMaintenanceOn = 3,
  kMaintenanceOff = 4,
  kSettings = 5,
};
// "guard entered"
std::string_view ToString(EventKind kind);
struct Event {
  EventKind kind;
  std::string scope;  // "namespace/service", an instance's name, or "" for the registry
  std::string text;
};

struct Outcome {
  Reply reply;
  std::vector<InstanceChange> instances;  // in the command's order; each instance at most once
  std::vector<LeaseChange> leases;
  std::vector<ServiceChange> services;
  std::vector<Event> events;
  std::optional<RequestSlot> request;
  bool duplicate = false;  // answered from the request window
  std::string actor;       // who asked: of the command's Context
  int64_t time_ms = 0;     // the state's time at this command
};

}  // namespace registryd::core
