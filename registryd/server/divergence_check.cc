#include "registryd/server/divergence_check.h"

#include <algorithm>
#include <optional>
#include <set>

#include "registryd/base/log.h"
#include "registryd/base/metrics.h"
#include "registryd/base/text.h"
#include "registryd/internal/v1/member.pb.h"

namespace registryd::server {
namespace {

using replica::DigestSample;

constexpr char kMethod[] = "digests";

std::string Encode(const std::vector<DigestSample>& samples) {
  internal::v1::DigestsReply reply;
  for (const DigestSample& sample : samples) {
    reply.add_indexes(sample.index.value());
    reply.add_digests(sample.digest);
  }
  return reply.SerializeAsString();
}

}  // namespace

void DivergenceCheck::Serve() {
  parts_.calls->Handle(kMethod, [this](consensus::PeerRequest, consensus::PeerReply reply) {
    std::move(reply)(Encode(parts_.samples()));
  });
}

void DivergenceCheck::Tick() {
  const auto others = parts_.others();
  {
    MutexLock lock(mutex_);
    std::set<NodeId> members;
    for (const auto& [node, name] : others) members.insert(node);
    std::erase_if(differences_, [&](const auto& held) { return !members.contains(held.first); });
    static metrics::Gauge& gauge = metrics::GetGauge(
        "registryd_members_diverged", "Other members whose digest differs from this node's.");
    gauge.Set(static_cast<double>(differences_.size()));
  }
  for (const auto& [node, name] : others) {
    parts_.calls->Call(node, kMethod, {}, kTimeoutMs,
                       [this, node = node, name = name](absl::StatusOr<std::string> answer) {
                         // Who does not answer, or is of an older build, is compared another time.
                         if (answer.ok()) Compare(node, name, *answer);
                       });
  }
}

void DivergenceCheck::Compare(NodeId node, const std::string& name, std::string_view answer) {
  internal::v1::DigestsReply theirs;
  if (!theirs.ParseFromArray(answer.data(), static_cast<int>(answer.size()))) return;
  std::map<LogIndex, uint64_t> ours;
  for (const DigestSample& sample : parts_.samples()) ours[sample.index] = sample.digest;
  // The newest index that both know.
  std::optional<DigestSample> common;
  for (int i = 0; i < std::min(theirs.indexes_size(), theirs.digests_size()); ++i) {
    const LogIndex index(theirs.indexes(i));
    if (ours.contains(index) && (!common || index > common->index)) {
      common = DigestSample{index, theirs.digests(i)};
    }
  }
  if (!common) return;
  const bool equal = ours[common->index] == common->digest;
  bool first = false;
  {
    MutexLock lock(mutex_);
    const auto found = differences_.find(node);
    if (equal) {
      if (found == differences_.end() || found->second.index >= common->index) return;
      differences_.erase(found);
    } else {
      first = found == differences_.end();
      differences_[node] = {common->index,
                            Text("at index ", common->index, " its digest is ", common->digest,
                                 " and this node's ", ours[common->index])};
    }
  }
  if (first) {
    log::Error("members have diverged: remove the one that differs from most, and let it join anew",
               {{"peer", node},
                {"name", name},
                {"index", common->index},
                {"its_digest", common->digest},
                {"this_digest", ours[common->index]}});
  } else if (equal) {
    log::Info("a member's digest is equal again", {{"peer", node}, {"name", name}});
  }
}

std::string DivergenceCheck::Of(NodeId node) const {
  MutexLock lock(mutex_);
  const auto found = differences_.find(node);
  return found == differences_.end() ? std::string() : found->second.what;
}

}  // namespace registryd::server
