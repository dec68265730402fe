#include "registryd/checks/check_driver.h"

#include <algorithm>
#include <utility>

#include "registryd/base/log.h"
#include "registryd/base/random.h"
#include "registryd/core/check_owner.h"
#include "registryd/core/limits.h"
#include "registryd/wire/command_codec.h"

namespace registryd::checks {
namespace {

// A member that comes and goes does not move the checks with each breath.
constexpr int64_t kChooseAgainMs = 1'000;

}  // namespace

CheckDriver::CheckDriver(Parts parts, NodeId self, Ask ask, Members members)
    : parts_(parts),
      self_(self),
      ask_(std::move(ask)),
      members_(std::move(members)),
      table_(RandomId()) {}

void CheckDriver::Stop() {
  parts_.loop->Post([this] { stopped_ = true; });
}

void CheckDriver::OnLeadership(const replica::Leadership& leadership) {
  leading_ = leadership.ready;
}

// Whom we know may be gone.
void CheckDriver::OnReplaced() {
  table_.Clear();
  made_ = false;
}

// Looks at every instance: when the checkers have changed, or this node has just started.
void CheckDriver::TakeOver() {
  const core::Registry& registry = parts_.replica->registry();
  checkers_ = registry.counters().checkers;
  made_ = true;
  const int64_t now = parts_.clock->MonotonicMs();
  const size_t before = table_.size();
  registry.ForEachInstance([&](const core::InstancePtr& instance) { Consider(*instance, now); });
  if (table_.size() != before) {
    log::Info("active checks of this member", {{"checks", table_.size()}, {"before", before}});
  }
}

void CheckDriver::Consider(const core::Instance& instance, int64_t now) {
  if (instance.facts.check != core::CheckResult::kNone &&
      core::CheckOwner(instance.name(), checkers_) == self_) {
    table_.Put(instance, now);
  } else if (table_.size() > 0) {
    table_.Remove(instance.name());
  }
}

void CheckDriver::OnOutcome(const core::Outcome& outcome) {
  const int64_t now = parts_.clock->MonotonicMs();
  for (const core::InstanceChange& change : outcome.instances) {
    if (change.after) {
      Consider(*change.after, now);
    } else {
      table_.Remove(change.name());
    }
  }
}

void CheckDriver::LookAtMyself(int64_t now) {
  const bool before = doubt_.doubts();
  doubt_.Look(table_.failing(), table_.passing(), now);
  if (doubt_.doubts() == before) return;
  doubts_.store(doubt_.doubts(), std::memory_order_relaxed);
  log::Warning(before ? "this member reports failed checks again"
                      : "most checks of this member fail at once: it doubts itself, reports no "
                        "failure and lets others look",
               {{"failing", table_.failing()}, {"passing", table_.passing()}});
}

void CheckDriver::Tick() {
  if (stopped_) return;
  const int64_t now = parts_.clock->MonotonicMs();
  LookAtMyself(now);
  if (!made_ || parts_.replica->registry().counters().checkers != checkers_) TakeOver();
  if (leading_ && !choosing_ && now >= choose_not_before_ms_) ProposeCheckers();
  if (under_way_ < kUnderWayMax) {
    for (DueCheck& check : table_.DueAt(now, kUnderWayMax - under_way_)) {
      ++under_way_;
      ask_(check,
           [this, name = check.name, epoch = check.epoch](Answer answer, std::string message) {
             parts_.loop->Post([this, name, epoch, answer, message = std::move(message)]() mutable {
               OnAnswer(name, epoch, answer, std::move(message));
             });
           });
    }
  }
  if (!reporting_) ProposeResults();
}

void CheckDriver::OnAnswer(const core::InstanceName& name, Revision epoch, Answer answer,
                           std::string message) {
  --under_way_;
  message.resize(std::min(message.size(), core::limits::kMessageSize));
  const int64_t now = parts_.clock->MonotonicMs();
  auto result = table_.Note(name, epoch, answer, std::move(message), now);
  LookAtMyself(now);
  // What is kept back comes again with the next answer: a failure, or more than can be reported.
  const bool told = result && (result->passed || !doubt_.doubts());
  if (told && results_.size() < kResultsMax) results_.push_back(*std::move(result));
}

void CheckDriver::ProposeCheckers() {
  choose_not_before_ms_ = parts_.clock->MonotonicMs() + kChooseAgainMs;
  core::SetCheckers command{members_()};
  if (command.nodes.size() > core::limits::kCheckers) {
    command.nodes.resize(core::limits::kCheckers);
  }
  if (command.nodes.empty() || command.nodes == checkers_) return;
  choosing_ = true;
  log::Info("the members that make active checks change",
            {{"before", checkers_.size()}, {"now", command.nodes.size()}});
  Propose(command, [this](absl::Status status) {
    choosing_ = false;
    if (!status.ok()) log::Warning("could not choose checkers", {{"error", status}});
  });
}

void CheckDriver::ProposeResults() {
  if (results_.empty()) return;
  const size_t count = std::min(results_.size(), core::limits::kCheckResultsPerCommand);
  core::ReportChecks command{self_,
                             {results_.begin(), results_.begin() + static_cast<long>(count)}};
  results_.erase(results_.begin(), results_.begin() + static_cast<long>(count));
  reporting_ = true;
  Propose(command, [this](absl::Status status) {
    reporting_ = false;
    // Not kept: the next result of the same kind says it again.
    if (!status.ok()) {
      log::Warning("could not report what checks found; the next result says it again",
                   {{"error", status}});
    }
  });
}

void CheckDriver::Propose(const core::Command& command,
                          absl::AnyInvocable<void(absl::Status)> done) {
  parts_.proposer->Propose(
      wire::EncodeCommand({}, "registryd", command),
      [this, done = std::move(done)](absl::StatusOr<consensus::Applied> applied) mutable {
        parts_.loop->Post([done = std::move(done), status = applied.status()]() mutable {
          done(std::move(status));
        });
      });
}

}  // namespace registryd::checks
