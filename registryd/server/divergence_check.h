// Looks whether the other members made the same of the same commands: every few seconds it compares
// digests at equal indexes of the log (G8). A difference is a bug or a damaged memory; it is an
// error in the log, a metric, and in what `status` says of that member.
//
//   DivergenceCheck check({.calls = peers, .samples = ..., .others = ...});
//   check.Serve();                              // answers the other members
//   worker.Every(check.kEveryMs, [&] { check.Tick(); });
//   std::string differs = check.Of(node);       // a sentence; empty: nothing is known against it
//
// Every member compares itself with all others, so of three the one that is wrong is named by two.
// It is forgotten when both are equal again at a later index (the member got a snapshot, say).
// Threads: any. Cost: some 1 KB to each member and back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "registryd/base/mutex.h"
#include "registryd/consensus/peer_calls.h"
#include "registryd/replica/digest_samples.h"

namespace registryd::server {

class DivergenceCheck {
 public:
  static constexpr int64_t kEveryMs = 3'000;
  static constexpr int64_t kTimeoutMs = 2'000;

  struct Parts {
    consensus::PeerCalls* calls = nullptr;
    std::function<std::vector<replica::DigestSample>()> samples;  // the newest last
    // Id and name of the other members.
    std::function<std::vector<std::pair<NodeId, std::string>>()> others;
  };
  explicit DivergenceCheck(Parts parts) : parts_(std::move(parts)) {}

  // Takes the method "digests".
  void Serve();
  void Tick();
  std::string Of(NodeId node) const;

 private:
  struct Difference {
    LogIndex index;
    std::string what;
  };
  void Compare(NodeId node, const std::string& name, std::string_view answer);

  const Parts parts_;
  mutable Mutex mutex_;
  std::map<NodeId, Difference> differences_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace registryd::server
