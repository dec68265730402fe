// Makes the active checks that fall to this member, and tells the state what changed.
//
// Who checks what follows from the replicated set of checkers (core/check_owner.h): the leader
// proposes a new set when a member comes or goes, and every member picks its part by itself. So
// each instance has one owner at a time, and a dead member's checks move. A result becomes a
// command when it changes something, never for its own sake; a result of somebody who does not own
// the check any more is passed over at apply.
//
// A member that sees most of its checks fail at once doubts itself before it doubts the instances
// (checks/self_doubt.h): it keeps the failures to itself, and others are asked to look.
//
//   CheckDriver driver({&replica, &raft, &loop, &clock}, self, ask, members);
//   replica.AddObserver(&driver);
//   loop.Every(CheckDriver::kTickMs, [&] { driver.Tick(); });
//
// Security: a probe goes to an endpoint of the instance itself, follows no redirect, and is bounded
// in time and size (client/probes/probe.h).
//
// Threads: the loop; answers of `ask` come from any thread. Limits: kUnderWayMax probes at a time,
// the rest waits its turn; kResultsMax results that wait for a leader, the rest comes again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "registryd/base/clock.h"
#include "registryd/base/loop.h"
#include "registryd/checks/check_table.h"
#include "registryd/checks/self_doubt.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/core/limits.h"
#include "registryd/replica/replica.h"

namespace registryd::checks {

class CheckDriver final : public replica::Observer {
 public:
  static constexpr int64_t kTickMs = 100;
  static constexpr size_t kUnderWayMax = 1'000;
  static constexpr size_t kResultsMax = 10 * core::limits::kCheckResultsPerCommand;

  struct Parts {
    replica::Replica* replica = nullptr;
    consensus::Proposer* proposer = nullptr;
    Loop* loop = nullptr;
    const Clock* clock = nullptr;
  };
  // Asks the instance; `done` runs once, on any thread.
  using Done = std::function<void(Answer answer, std::string message)>;
  using Ask = std::function<void(const DueCheck& check, Done done)>;
  // On the leader: the members that can check now, sorted; empty: not known yet.
  using Members = std::function<std::vector<NodeId>()>;
  CheckDriver(Parts parts, NodeId self, Ask ask, Members members);

  void Tick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(kLoop);
  // No probe begins any more. Any thread.
  void Stop();
  void OnOutcome(const core::Outcome& outcome) override;
  void OnLeadership(const replica::Leadership& leadership) override;
  void OnReplaced() override;
  // Any thread.
  bool doubts() const { return doubts_.load(std::memory_order_relaxed); }

 private:
  void LookAtMyself(int64_t now);
  void TakeOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(kLoop);
  void Consider(const core::Instance& instance, int64_t now);
  void OnAnswer(const core::InstanceName& name, Revision epoch, Answer answer, std::string message);
  void ProposeCheckers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(kLoop);
  void ProposeResults();
  void Propose(const core::Command& command, absl::AnyInvocable<void(absl::Status)> done);

  const Parts parts_;
  const NodeId self_;
  const Ask ask_;
  const Members members_;
  std::atomic<bool> doubts_{false};

  // The loop's.
  CheckTable table_;
  SelfDoubt doubt_;
  std::vector<NodeId> checkers_;  // those that the table was made for
  std::vector<core::ReportChecks::Result> results_;
  size_t under_way_ = 0;
  bool made_ = false;
  bool leading_ = false;
  bool stopped_ = false;
  bool reporting_ = false;
  bool choosing_ = false;
  int64_t choose_not_before_ms_ = 0;
};

}  // namespace registryd::checks
