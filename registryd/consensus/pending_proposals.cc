#include "registryd/consensus/pending_proposals.h"

#include <algorithm>

#include "registryd/base/check.h"

namespace registryd::consensus {

void PendingProposals::Add(LogIndex index, Term term, ProposeDone done) {
  REGISTRYD_CHECK(pending_.empty() || pending_.back().index < index, "proposals out of order");
  pending_.push_back({index, term, std::move(done)});
}

ProposeDone PendingProposals::Take(LogIndex index, Term term) {
  if (pending_.empty() || pending_.front().index > index) return {};
  REGISTRYD_CHECK(pending_.front().index == index, "a proposal was passed over");
  REGISTRYD_CHECK(pending_.front().term == term, "a proposal was overwritten and not answered");
  ProposeDone done = std::move(pending_.front().done);
  pending_.pop_front();
  return done;
}

std::vector<ProposeDone> PendingProposals::TakeAfter(LogIndex index) {
  const auto first = std::upper_bound(
      pending_.begin(), pending_.end(), index,
      [](LogIndex wanted, const Pending& pending) { return wanted < pending.index; });
  std::vector<ProposeDone> out;
  for (auto it = first; it != pending_.end(); ++it) out.push_back(std::move(it->done));
  pending_.erase(first, pending_.end());
  return out;
}

}  // namespace registryd::consensus
