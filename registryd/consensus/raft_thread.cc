#include "registryd/consensus/raft_thread.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "registryd/base/check.h"

namespace registryd::consensus {
namespace {

absl::Status Stopped() {
  return absl::UnavailableError("this node stops; nothing happened, ask another one");
}

DriverOptions WithSeed(DriverOptions options) {
  if (options.seed == 0) options.seed = std::random_device()();
  return options;
}

}  // namespace

// What arrived since the last round.
struct RaftThread::Work {
  struct Transfer {
    NodeId to;
    Driver::TransferDone done;
  };
  struct Change {
    MembershipChange change;
    ProposeDone done;
  };
  std::vector<Proposal> proposals;
  std::vector<Change> changes;
  // What seldom happens, in order: reports about snapshots.
  std::vector<absl::AnyInvocable<void(Driver&)>> reports;
  std::vector<ReadDone> reads;
  std::vector<PeerMessage> messages;
  std::vector<uint64_t> persisted;
  std::vector<Transfer> transfers;
  std::vector<NodeId> lost;
  LogIndex applied;
  LogIndex cut;
  size_t message_bytes = 0;

  bool empty() const {
    return proposals.empty() && reads.empty() && messages.empty() && persisted.empty() &&
           transfers.empty() && lost.empty() && changes.empty() && reports.empty() && !applied &&
           !cut;
  }
  void Clear() {
    proposals.clear();
    reads.clear();
    messages.clear();
    persisted.clear();
    transfers.clear();
    lost.clear();
    changes.clear();
    reports.clear();
    applied = cut = LogIndex();
    message_bytes = 0;
  }
};

struct RaftThread::Inbox {
  Mutex mutex;
  CondVar filled;
  Work work ABSL_GUARDED_BY(mutex);
  bool asleep ABSL_GUARDED_BY(mutex) = false;
  bool stopped ABSL_GUARDED_BY(mutex) = false;

  // Runs `put` on the work and wakes the thread. False: stopped, or `put` answered false.
  template <class Put>
  bool Add(Put&& put) {
    bool wake;
    {
      MutexLock lock(mutex);
      if (stopped || !put(work)) return false;
      wake = std::exchange(asleep, false);
    }
    if (wake) filled.NotifyOne();
    return true;
  }
};

RaftThread::RaftThread(Parts parts, RaftThreadOptions options)
    : parts_(parts),
      options_(std::move(options)),
      admission_(std::make_shared<Admission>(options_.max_proposals, options_.max_proposal_bytes)),
      inbox_(std::make_shared<Inbox>()),
      driver_({parts.log, parts.transport, parts.machine, parts.clock,
               [inbox = inbox_](uint64_t write) {
                 inbox->Add([write](Work& work) {
                   work.persisted.push_back(write);
                   return true;
                 });
               },
               parts.snapshots},
              WithSeed(options_.driver)),
      status_(driver_.status()) {}

RaftThread::~RaftThread() { Stop(); }

absl::Status RaftThread::Start(LogIndex applied) {
  REGISTRYD_CHECK(!thread_.joinable(), "started twice");
  absl::StatusOr<LogStore::Loaded> loaded = parts_.log->Load();
  if (!loaded.ok()) return loaded.status();
  absl::Status status = driver_.Start(*std::move(loaded), applied);
  if (!status.ok()) return status;
  driver_.EndRound();
  Publish();
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void RaftThread::Stop() {
  {
    MutexLock lock(inbox_->mutex);
    inbox_->stopped = true;
  }
  inbox_->filled.NotifyOne();
  if (thread_.joinable()) thread_.join();
  Work left;
  {
    MutexLock lock(inbox_->mutex);
    std::swap(left, inbox_->work);
  }
  for (Proposal& proposal : left.proposals) std::move(proposal.done)(Stopped());
  for (ReadDone& done : left.reads) std::move(done)(Stopped());
  for (Work::Transfer& transfer : left.transfers) std::move(transfer.done)(Stopped());
  for (Work::Change& change : left.changes) std::move(change.done)(Stopped());
  driver_.Stop();
}

void RaftThread::Propose(std::string command, ProposeDone done) {
  std::optional<Admission::Ticket> ticket = admission_->Admit(command.size());
  if (!ticket) {
    std::move(done)(absl::ResourceExhaustedError("too many proposals are under way; try again"));
    return;
  }
  Proposal proposal{std::move(command), [ticket = *std::move(ticket), done = std::move(done)](
                                            absl::StatusOr<consensus::Applied> applied) mutable {
                      { const Admission::Ticket released = std::move(ticket); }
                      std::move(done)(std::move(applied));
                    }};
  const bool added = inbox_->Add([&](Work& work) {
    work.proposals.push_back(std::move(proposal));
    return true;
  });
  if (!added) std::move(proposal.done)(Stopped());
}

void RaftThread::ReadIndex(ReadDone done) {
  absl::Status refused = Stopped();
  const bool added = inbox_->Add([&](Work& work) {
    if (work.reads.size() >= options_.driver.max_waiting_reads) {
      refused = absl::ResourceExhaustedError("too many linearizable reads wait; try again");
      return false;
    }
    work.reads.push_back(std::move(done));
    return true;
  });
  if (!added) std::move(done)(std::move(refused));
}

void RaftThread::Receive(PeerMessage message) {
  const size_t bytes = ApproximateSize(message);
  // Raft takes a lost message for a slow network.
  inbox_->Add([&](Work& work) {
    if (work.messages.size() >= options_.max_messages ||
        work.message_bytes + bytes > options_.max_message_bytes) {
      return false;
    }
    work.message_bytes += bytes;
    work.messages.push_back(std::move(message));
    return true;
  });
}

void RaftThread::PeerLost(NodeId peer) {
  inbox_->Add([&](Work& work) {
    if (std::find(work.lost.begin(), work.lost.end(), peer) == work.lost.end()) {
      work.lost.push_back(peer);
    }
    return true;
  });
}

void RaftThread::OnApplied(LogIndex index) {
  inbox_->Add([index](Work& work) {
    work.applied = std::max(work.applied, index);
    return true;
  });
}

void RaftThread::CutLog(LogIndex index) {
  inbox_->Add([index](Work& work) {
    work.cut = std::max(work.cut, index);
    return true;
  });
}

void RaftThread::TransferLeadership(NodeId to, Driver::TransferDone done) {
  absl::Status refused = Stopped();
  const bool added = inbox_->Add([&](Work& work) {
    if (!work.transfers.empty()) {
      refused = absl::UnavailableError("this node hands over already");
      return false;
    }
    work.transfers.push_back({to, std::move(done)});
    return true;
  });
  if (!added) std::move(done)(std::move(refused));
}

void RaftThread::ChangeMembership(MembershipChange change, ProposeDone done) {
  absl::Status refused = Stopped();
  const bool added = inbox_->Add([&](Work& work) {
    if (!work.changes.empty()) {
      refused = absl::UnavailableError("another membership change is under way; try again");
      return false;
    }
    work.changes.push_back({std::move(change), std::move(done)});
    return true;
  });
  if (!added) std::move(done)(std::move(refused));
}

void RaftThread::SetReceivingSnapshot(bool receiving) {
  inbox_->Add([receiving](Work& work) {
    work.reports.push_back([receiving](Driver& driver) { driver.SetReceivingSnapshot(receiving); });
    return true;
  });
}

void RaftThread::OnSnapshotReceived(std::unique_ptr<StagedSnapshot> snapshot) {
  inbox_->Add([&snapshot](Work& work) {
    work.reports.push_back([snapshot = std::move(snapshot)](Driver& driver) mutable {
      driver.OnSnapshotReceived(std::move(snapshot));
    });
    return true;
  });
}

void RaftThread::SnapshotSent(NodeId to, LogIndex index, Term term) {
  inbox_->Add([=](Work& work) {
    work.reports.push_back([=](Driver& driver) { driver.SnapshotSent(to, index, term); });
    return true;
  });
}

void RaftThread::SnapshotFailed(NodeId to) {
  inbox_->Add([to](Work& work) {
    work.reports.push_back([to](Driver& driver) { driver.SnapshotFailed(to); });
    return true;
  });
}

RaftStatus RaftThread::status() const {
  MutexLock lock(status_mutex_);
  return status_;
}

void RaftThread::Run() {
  Work work;  // swapped with the inbox, so that the vectors keep their memory
  while (true) {
    const int64_t wait_ms = driver_.NextTickMs() - parts_.clock->MonotonicMs();
    {
      MutexLock lock(inbox_->mutex);
      if (inbox_->work.empty() && !inbox_->stopped && wait_ms > 0) {
        inbox_->asleep = true;
        inbox_->filled.WaitFor(inbox_->mutex, std::min<int64_t>(wait_ms, 1000));
        inbox_->asleep = false;
      }
      // Stop answers what is left.
      if (inbox_->stopped) return;
      std::swap(work, inbox_->work);
    }
    RunRound(&work);
    work.Clear();
  }
}

void RaftThread::RunRound(Work* work) {
  if (work->applied) driver_.Applied(work->applied);
  for (const uint64_t write : work->persisted) driver_.Persisted(write);
  for (auto& report : work->reports) report(driver_);
  for (PeerMessage& message : work->messages) driver_.Receive(std::move(message));
  // After the messages, which came first.
  for (const NodeId peer : work->lost) driver_.PeerLost(peer);
  if (work->cut) driver_.CutLog(work->cut);
  if (!work->proposals.empty()) driver_.Propose(std::move(work->proposals));
  for (ReadDone& done : work->reads) driver_.ReadIndex(std::move(done));
  for (Work::Transfer& transfer : work->transfers) {
    driver_.Transfer(transfer.to, std::move(transfer.done));
  }
  for (Work::Change& change : work->changes) {
    driver_.ChangeMembership(change.change, std::move(change.done));
  }
  driver_.Tick();
  driver_.EndRound();
  Publish();
}

void RaftThread::Publish() {
  RaftStatus status = driver_.status();
  MutexLock lock(status_mutex_);
  status_ = std::move(status);
}

}  // namespace registryd::consensus
