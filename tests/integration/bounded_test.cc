// The Raft log and the memory of a node and of a cluster stay bounded however much is written.
//
// The default is short; BOUNDED_WRITES=1000000 is the long run (docs/hacking.md).

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

constexpr uint64_t kLogEntries = 2'000;

uint64_t BytesIn(const std::string& dir) {
  uint64_t bytes = 0;
  std::error_code error;
  // Files come and go meanwhile.
  for (auto at = std::filesystem::recursive_directory_iterator(dir, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    std::error_code gone;
    const uint64_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

void WriteMuch(size_t members) {
  const char* asked = std::getenv("BOUNDED_WRITES");
  const uint64_t writes = asked == nullptr ? 12'000 : std::strtoull(asked, nullptr, 10);
  Cluster cluster(members,
                  {"--log-entries", std::to_string(kLogEntries), "--history-size", "8MiB"});
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  // The same instances over and over, so that only what is kept of the past can grow.
  std::atomic<uint64_t> acknowledged{0};
  std::atomic<bool> failed{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 24; ++t) {
    threads.emplace_back([&, t] {
      Stubs stubs(cluster.api(static_cast<size_t>(t) % members));
      for (uint64_t n = 0; acknowledged < writes && !failed; ++n) {
        registry::v1::RegisterRequest request;
        *request.add_instances() = Spec("web", "i-" + std::to_string(t));
        (*request.mutable_instances(0)->mutable_labels())["n"] =
            std::to_string(n) + std::string(200, 'x');
        registry::v1::RegisterResponse response;
        const grpc::Status status = stubs.Register(request, &response);
        if (status.ok()) {
          ++acknowledged;
        } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                   status.error_code() == grpc::StatusCode::ABORTED) {
          poll(nullptr, 0, 50);  // a busy machine changes its leader now and then
        } else {
          failed = true;
        }
      }
    });
  }
  // What it takes once everything that has a bound has reached it.
  uint64_t log_peak[2] = {0, 0};
  int64_t memory_peak[2] = {0, 0};
  while (acknowledged < writes && !failed) {
    const size_t half = acknowledged * 2 < writes ? 0 : 1;
    for (size_t i = 0; i < members; ++i) {
      log_peak[half] = std::max(log_peak[half], BytesIn(cluster[i].data_dir() + "/log"));
      memory_peak[half] = std::max(memory_peak[half], cluster[i].ResidentKiB());
    }
    poll(nullptr, 0, 50);
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(failed) << cluster.Log();
  ASSERT_TRUE(cluster.WaitUntilEqual()) << cluster.Log();
  // Entries: what is kept behind the cut, what comes between two cuts, and what comes until the
  // next look; all of it long before the number of writes.
  for (size_t i = 0; i < members; ++i) {
    EXPECT_TRUE(WaitFor([&] {
      const auto first = cluster[i].Metric("registryd_raft_first_index");
      const auto applied = cluster[i].Metric("registryd_raft_applied_index");
      return first > 0.0 && applied && *applied - *first <= 2.0 * kLogEntries + 1;
    })) << cluster.Log();
  }
  std::printf(
      "members: %zu; %lu writes; log at most %lu and %lu KiB, memory at most %ld and %ld KiB in "
      "the "
      "halves\n",
      members, acknowledged.load(), log_peak[0] / 1024, log_peak[1] / 1024, memory_peak[0],
      memory_peak[1]);
  // RocksDB's memtables and WAL of the log have bounds of their own (log_store.h).
  EXPECT_LE(log_peak[1], 28u * (16u << 20));
  EXPECT_GT(memory_peak[0], 0);
  if (asked != nullptr) {
    EXPECT_LE(memory_peak[1], memory_peak[0] + memory_peak[0] / 4 + 32 * 1024);
  }
}

TEST(BoundedTest, G9LogAndMemoryOfANodeDoNotGrowWithTheNumberOfWrites) { WriteMuch(1); }
TEST(BoundedTest, G9LogAndMemoryOfAClusterDoNotGrowWithTheNumberOfWrites) { WriteMuch(3); }

}  // namespace
}  // namespace registryd::testing
