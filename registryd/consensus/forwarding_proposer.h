// The door down on every member: a proposal goes to whoever leads, and so does the question for a
// read index.
//
//   ForwardingProposer proposer({.local = &raft, .peers = peers, .leader = [&] { ... }, ...});
//   proposer.Serve();                   // answers the other members; before the transport serves
//   proposer.Propose(command, done);    // on any member, as if it led
//
// On a follower the command's bytes travel to the leader, and the encoded reply comes back. Before
// `done` runs the member waits (for at most kOwnWriteMs) until it has applied the write itself, so
// that whoever wrote through it also reads it there.
//
// While there is no leader, proposals and reads wait here: they go on as soon as one is known, and
// are answered UNAVAILABLE after `patience_ms`. So an election, or a leader that hands over, is a
// pause and not an error. What the leader may have taken is never sent twice: where its answer is
// lost, or has not come kFormerLeaderMs after another one began to lead, `done` gets ABORTED. Reads
// that wait for the leader's index share one question.
//
// Threads: any; OnLeadership by the raft thread or any other; Tick about every 100 ms by one
// thread. Limits: kWaitingMax proposals and reads, kWaitingBytes of commands, RESOURCE_EXHAUSTED
// beyond.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/consensus/peer_calls.h"
#include "registryd/consensus/read_index.h"

namespace registryd::consensus {

class ForwardingProposer final : public Proposer {
 public:
  static constexpr size_t kWaitingMax = 16'384;
  static constexpr size_t kWaitingBytes = 32 << 20;
  static constexpr int64_t kOwnWriteMs = 1'000;
  // A leader that handed over still answers what it had taken; one that was stopped or cut off does
  // not.
  static constexpr int64_t kFormerLeaderMs = 500;

  struct Parts {
    Proposer* local = nullptr;  // this member's Raft
    PeerCalls* peers = nullptr;
    const Clock* clock = nullptr;
    NodeId self;
    std::function<NodeId()> leader;  // 0: none is known
    // A reply between its form in this process and its bytes.
    std::function<std::string(const Applied&)> encode;
    std::function<absl::StatusOr<Applied>(std::string_view)> decode;
    // Runs `ready` when this member has applied `index`, or with an error at the deadline.
    std::function<void(LogIndex index, int64_t deadline_ms,
                       absl::AnyInvocable<void(absl::Status) &&> ready)>
        wait_applied;
    int64_t patience_ms = 1'500;
  };
  explicit ForwardingProposer(Parts parts) : parts_(std::move(parts)) {}
  ~ForwardingProposer() override { Stop(); }

  // Takes the methods "propose" and "read_index" of the request channel.
  void Serve();

  void Propose(std::string command, ProposeDone done) override;
  void ReadIndex(ReadDone done) override;

  // A leader became known, unknown or ready: what waits is tried at once.
  void OnLeadership();
  // Tries what waits again, and answers what has waited too long.
  void Tick();
  // Answers what waits UNAVAILABLE; later calls are answered so at once.
  void Stop();

 private:
  // Something that the leader has to do; it runs until it was handed to one.
  struct Attempt {
    int64_t give_up_ms = 0;
    size_t bytes = 0;
    NodeId asked;  // who did not take it
    // Hands it to the leader. Where that did not take it, Wait comes next.
    std::function<void(NodeId leader, std::shared_ptr<Attempt>)> run;
    absl::AnyInvocable<void(absl::Status) &&> fail;
  };
  using AttemptPtr = std::shared_ptr<Attempt>;
  struct Flying {
    NodeId leader;
    std::shared_ptr<ProposeDone> done;
    int64_t give_up_ms = INT64_MAX;  // somebody else leads since
  };

  void Try(const AttemptPtr& attempt);
  void Wait(AttemptPtr attempt);
  void RetryWaiting();
  void GiveUpFormerLeaders();
  void AskForReads();
  // True once for each: whoever gets it answers.
  bool Land(uint64_t flight);

  const Parts parts_;
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<AttemptPtr> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Proposals that another member has, by a number.
  std::map<uint64_t, Flying> flying_ ABSL_GUARDED_BY(mutex_);
  uint64_t flights_ ABSL_GUARDED_BY(mutex_) = 0;
  // Reads that no question was asked for yet, and whether one is under way.
  std::vector<ReadDone> reads_ ABSL_GUARDED_BY(mutex_);
  bool asking_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace registryd::consensus
