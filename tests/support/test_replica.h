// A real replica without a Raft log: real state store, view, hub and loop; proposals are committed
// in the order in which they come. For tests of what stands on the replica (liveness, operations,
// api).
//
//   TestReplica node;                 // leads, and is ready
//   node.Apply(core::Register{...})   // waits for the reply
//
// Threads: as the parts.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "registryd/base/clock.h"
#include "registryd/base/loop.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/replica/replica.h"
#include "registryd/storage/state_store.h"
#include "registryd/watch/hub.h"
#include "registryd/wire/command_codec.h"

namespace registryd::testing {

// Commits every proposal at once, or refuses all with a status that a test sets.
class DirectProposer final : public consensus::Proposer {
 public:
  explicit DirectProposer(consensus::StateMachine* machine) : machine_(machine) {}

  void Propose(std::string command, consensus::ProposeDone done) override {
    absl::Status refusal;
    {
      MutexLock lock(mutex_);
      refusal = refusal_;
      if (refusal.ok()) refusal = machine_->Prepare(command);
      if (refusal.ok()) {
        ++index_;
        ++proposed_;
        std::vector<consensus::Committed> range(1);
        range[0] = {index_,
                    {term_, consensus::EntryType::kCommand,
                     std::make_shared<const std::string>(std::move(command))},
                    std::move(done)};
        machine_->Apply(std::move(range));
        return;
      }
    }
    std::move(done)(refusal);
  }
  void ReadIndex(absl::AnyInvocable<void(absl::StatusOr<LogIndex>) &&> done) override {
    absl::StatusOr<LogIndex> answer = absl::InternalError("");
    {
      MutexLock lock(mutex_);
      if (refusal_.ok()) {
        answer = index_;
      } else {
        answer = refusal_;
      }
    }
    std::move(done)(std::move(answer));
  }
  // As the log commits them; their index must be the next one.
  void Commit(std::vector<consensus::Committed> range) {
    MutexLock lock(mutex_);
    index_ = range.back().index;
    machine_->Apply(std::move(range));
  }
  void Refuse(absl::Status status) {
    MutexLock lock(mutex_);
    refusal_ = std::move(status);
  }
  void SetTerm(Term term) {
    MutexLock lock(mutex_);
    term_ = term;
  }
  uint64_t proposed() const {
    MutexLock lock(mutex_);
    return proposed_;
  }

 private:
  consensus::StateMachine* const machine_;
  mutable Mutex mutex_;
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  LogIndex index_ ABSL_GUARDED_BY(mutex_);
  Term term_ ABSL_GUARDED_BY(mutex_) = Term(1);
  uint64_t proposed_ ABSL_GUARDED_BY(mutex_) = 0;
};

class TestReplica {
 public:
  explicit TestReplica(const Clock* clock = nullptr)
      : dir_(std::filesystem::temp_directory_path() / ("test_replica.XXXXXX")) {
    std::string name = dir_.string();
    dir_ = mkdtemp(name.data());
    replica_ = std::make_unique<replica::Replica>(
        replica::Replica::Parts{.store = *storage::StateStore::Open(dir_.string() + "/state"),
                                .hub = &hub_,
                                .loop = &loop_,
                                .clock = clock ? clock : &system_});
    EXPECT_TRUE(replica_->Load().ok());
    replica_->SetCluster(ClusterId(99));
    proposer_ = std::make_unique<DirectProposer>(replica_.get());
  }
  ~TestReplica() {
    loop_.Stop();
    hub_.Stop();
    replica_ = nullptr;
    std::filesystem::remove_all(dir_);
  }
  void Start() { loop_.Start(); }
  void Lead(Term term = Term(1)) {
    proposer_->SetTerm(term);
    replica_->OnLeadership({consensus::Role::kLeader, term, NodeId(1), true});
  }
  void StepDown() {
    replica_->OnLeadership({consensus::Role::kFollower, Term(2), NodeId(), false});
  }
  core::Reply Apply(const core::Command& command, const core::RequestId& request = {}) {
    std::promise<core::Reply> reply;
    proposer_->Propose(wire::EncodeCommand(request, "test", command),
                       [&reply](absl::StatusOr<consensus::Applied> applied) {
                         EXPECT_TRUE(applied.ok()) << applied.status();
                         reply.set_value(*static_cast<const core::Reply*>(applied->reply.get()));
                       });
    return reply.get_future().get();
  }
  // Runs `task` on the loop and waits for it.
  void OnLoop(absl::AnyInvocable<void()> task) {
    std::promise<void> ran;
    loop_.Post([&] {
      task();
      ran.set_value();
    });
    ran.get_future().get();
  }

  // One tick of a driver that runs on the loop. What it proposed is applied, and its outcome has
  // come back, when this returns.
  template <class Driver>
  void Tick(Driver& driver) {
    OnLoop([&driver] {
      kLoop.AssertHeld();
      driver.Tick();
    });
    for (int i = 0; i < 4; ++i) OnLoop([] {});
  }
  // Lets `ms` pass on a clock that the test moves, with all ticks of the driver.
  template <class Driver, class MovedClock>
  void Pass(Driver& driver, MovedClock& clock, int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += Driver::kTickMs) {
      OnLoop([&clock] { clock.Advance(Driver::kTickMs); });
      Tick(driver);
    }
    Tick(driver);
  }

  std::string dir() const { return dir_.string(); }
  replica::Replica& replica() { return *replica_; }
  DirectProposer& proposer() { return *proposer_; }
  Loop& loop() { return loop_; }
  watch::Hub& hub() { return hub_; }

 private:
  const SystemClock system_;
  std::filesystem::path dir_;
  Loop loop_{"loop"};
  watch::Hub hub_{1};
  std::unique_ptr<replica::Replica> replica_;
  std::unique_ptr<DirectProposer> proposer_;
};

// "ns/service/id" with one endpoint.
inline core::InstanceSpec Spec(std::string_view service, std::string_view id) {
  core::InstanceSpec spec;
  spec.name = core::InstanceName("default", service, id);
  spec.endpoints = {{"http", "10.0.0.1", 8080, "http"}};
  return spec;
}

}  // namespace registryd::testing
