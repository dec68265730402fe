// The proposals of this leader that are in the log and not yet handed to the state machine.
//
//   pending.Add(index, term, std::move(done));     // indexes only grow
//   ProposeDone done = pending.Take(index, term);   // when the entry is handed over; empty: not
//   proposed here for (ProposeDone& lost : pending.TakeAfter(commit)) ...   // leadership was lost:
//   their outcome is unknown
//
// Threads: one.
#pragma once

#include <deque>
#include <vector>

#include "registryd/consensus/types.h"

namespace registryd::consensus {

class PendingProposals {
 public:
  void Add(LogIndex index, Term term, ProposeDone done);
  ProposeDone Take(LogIndex index, Term term);
  std::vector<ProposeDone> TakeAfter(LogIndex index);
  bool empty() const { return pending_.empty(); }

 private:
  struct Pending {
    LogIndex index;
    Term term;
    ProposeDone done;
  };
  std::deque<Pending> pending_;
};

}  // namespace registryd::consensus
