// The system's clock jumps, and the client's own parts do not notice. The wall clock of this program
// is the one of tests/support/programs/shifted_clock.c; the kernel's stays, so gRPC, some of whose
// waits end at a time of the kernel's wall clock, is not in here.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>

#include "client/local/wall_clock.h"
#include "registry/bulkhead.h"
#include "registry/picker.h"
#include "registry/subscription.h"
#include "tests/support/wait_for.h"
#include "tests/unit/client_local/memory_registry.h"

namespace registry {
namespace {

using ::registryd::testing::WaitFor;

constexpr absl::Duration kPatience = absl::Seconds(30);

volatile int64_t* shift_s = nullptr;

// Before the constructor of the clock, which looks for the file. It has no name, and goes with the
// program.
__attribute__((constructor(200))) void MakeTheClocksFile() {
  const int file = memfd_create("clock", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, sizeof(int64_t)) != 0) std::abort();
  void* const page = mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) std::abort();
  shift_s = static_cast<volatile int64_t*>(page);
  // Stays open: the clock opens it by this path.
  setenv("SHIFTED_CLOCK", ("/proc/self/fd/" + std::to_string(file)).c_str(), 1);
}

void JumpBy(int64_t seconds) {
  const int64_t before = UnixMillis();
  *shift_s = *shift_s + seconds;
  const int64_t jumped = (UnixMillis() - before) / 1'000;
  EXPECT_LT(std::abs(jumped - seconds), std::abs(seconds) / 2) << "it is not seen";
}

TEST(ClockJumpTest, ViewsCallbacksPicksAndWaitsGoOn) {
  MemoryRegistry registry;
  registry.Put("web", "a");
  MemoryClient client(&registry);
  std::atomic<uint64_t> told{0};
  SubscriptionOptions options;
  options.on_change = [&](const ViewChange& change) { told = change.view->revision; };
  const auto web = client.Subscribe({.service = "web"}, options);
  ASSERT_TRUE(web->WaitReady(kPatience).ok());
  Picker picker(*web);
  Bulkhead bulkhead({.max_concurrent = 1, .max_waiting = 1});
  const auto permit = bulkhead.Enter(kPatience);

  for (const int64_t seconds : {3'600, -7'200, 86'400 * 365, -86'400 * 400}) {
    JumpBy(seconds);
    const uint64_t revision = registry.Put("web", "b");
    EXPECT_TRUE(web->WaitRevision(revision, kPatience).ok());
    EXPECT_TRUE(WaitFor([&] { return told >= revision; }));
    EXPECT_TRUE(WaitFor([&] { return client.Acknowledged("web") >= revision; }));
    EXPECT_TRUE(WaitFor([&] { return web->status().live; }));
    EXPECT_LT(web->status().age, absl::Hours(1) / 2);
    picker.Pick().Done(true, absl::Milliseconds(1));
    registry.Break();
    EXPECT_TRUE(web->WaitRevision(registry.Put("web", "c"), kPatience).ok()) << "reconnects";
    // Waits that end by their time: soon, whichever way it jumped.
    EXPECT_FALSE(web->WaitRevision(revision + 1'000, absl::Milliseconds(10)).ok());
    EXPECT_FALSE(bulkhead.Enter(absl::Milliseconds(10)).ok());
  }
  EXPECT_EQ(web->status().resyncs, 0u);
  EXPECT_EQ(picker.ejected(), 0u);
}

}  // namespace
}  // namespace registry
