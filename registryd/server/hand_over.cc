#include "registryd/server/hand_over.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "registryd/base/log.h"

namespace registryd::server {
namespace {

constexpr std::chrono::milliseconds kPatience{2'000};
// On a busy machine a follower may miss its time.
constexpr int kTries = 3;

}  // namespace

void HandOverLeadership(consensus::RaftThread& raft) {
  const auto leads = [&raft] { return raft.status().role == consensus::Role::kLeader; };
  if (!leads() || raft.status().configuration->size() < 2) return;
  absl::Status status;
  for (int tries = 0; tries < kTries; ++tries) {
    auto handed = std::make_shared<std::promise<absl::Status>>();
    raft.TransferLeadership(NodeId(),
                            [handed](absl::Status now) { handed->set_value(std::move(now)); });
    std::future<absl::Status> outcome = handed->get_future();
    if (outcome.wait_for(kPatience) != std::future_status::ready) break;
    status = outcome.get();
    if (status.ok()) {
      log::Info("leadership was handed over");
      return;
    }
    if (!leads()) return;
  }
  log::Warning("leadership could not be handed over", {{"why", status}});
}

}  // namespace registryd::server
