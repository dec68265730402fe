// What must hold after every event of a simulated cluster. The first violation is kept with the
// time of its event.
//
//   one leader per term; equal logs where index and term are equal; a committed entry is on the
//   disks of a majority, is never overwritten, and is in the log of every later leader; state
//   machines apply the committed entries, in order; an answer is sent only after what it says is on
//   disk
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "registryd/consensus/interfaces.h"
#include "registryd/consensus/peer_message.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_world.h"

namespace registryd::sim {

class Invariants {
 public:
  Invariants(World* world, std::map<NodeId, SimDisk*> disks)
      : world_(world), disks_(std::move(disks)) {}

  void OnLeader(NodeId node, Term term);
  // `members`: the newest configuration of the node.
  void OnCommit(NodeId node, Term term, const consensus::Configuration& members, LogIndex from,
                LogIndex to);
  void OnAppend(NodeId node, LogIndex first, const std::vector<consensus::LogEntry>& entries);
  void OnHandOver(NodeId node, LogIndex index, const consensus::LogEntry& entry);
  void OnApply(NodeId node, LogIndex index, const consensus::LogEntry& entry);
  void OnSend(NodeId to, const consensus::PeerMessage& message);
  void Fail(const std::string& what);

  bool ok() const { return failure_.empty(); }
  const std::string& failure() const { return failure_; }
  // Entry i is committed[i - 1].
  const std::vector<consensus::LogEntry>& committed() const { return committed_; }

 private:
  struct Entry {
    std::string payload;
    Term previous_term;
  };
  bool OnDisk(NodeId node, LogIndex index, Term term) const;

  World* const world_;
  const std::map<NodeId, SimDisk*> disks_;
  std::map<Term, NodeId> leaders_;
  std::map<std::pair<LogIndex, Term>, Entry> entries_;
  std::vector<consensus::LogEntry> committed_;
  std::vector<Term> committed_in_;  // term of the node that committed it first
  std::string failure_;
};

}  // namespace registryd::sim
