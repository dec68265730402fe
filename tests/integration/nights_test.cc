// Bad nights of a single node: the disk fills up, a write fails, the clock jumps.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/daemon.h"
#include "tests/support/instance_process.h"
#include "tests/support/small_disk.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

namespace fs = std::filesystem;

using registry::v1::RegisterRequest;
using registry::v1::RegisterResponse;

// Nobody has to renew it. `labels`: how many of 250 bytes it has.
grpc::Status Register(Stubs& stubs, const std::string& id, int labels = 0) {
  RegisterRequest request;
  *request.add_instances() = Spec("web", id);
  for (int i = 0; i < labels; ++i) {
    (*request.mutable_instances(0)->mutable_labels())["note-" + std::to_string(i)] =
        std::string(250, 'x');
  }
  RegisterResponse response;
  return stubs.Register(request, &response);
}

class SmallDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!disk_.mounted()) GTEST_SKIP() << "no right to mount a file system";
  }
  TempDir dir_;
  SmallDisk disk_{dir_.path() + "/disk"};
  const std::string data_ = dir_.path() + "/disk/data";
};

TEST_F(SmallDiskTest, G10BelowTheReserveWritesAreRefusedReadsGoOnAndItRecovers) {
  Daemon daemon(data_, {"--disk-reserve", "40MiB"});
  ASSERT_TRUE(daemon.Start()) << daemon.Log();
  Stubs stubs(daemon.address());
  ASSERT_TRUE(Register(stubs, "before").ok());

  disk_.Fill(30ull << 20);
  grpc::Status status;
  std::map<std::string, registry::v1::Instance> acknowledged = {{"default/web/before", {}}};
  int n = 0;
  // It looks at the disk once a second, so the first ones may still pass.
  ASSERT_TRUE(WaitFor([&] {
    const std::string id = "meanwhile-" + std::to_string(n++);
    status = Register(stubs, id);
    if (status.ok()) acknowledged["default/web/" + id];
    return !status.ok();
  })) << daemon.Log();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_NE(status.error_message().find("disk"), std::string::npos) << status.error_message();
  EXPECT_EQ(stubs.AllInstances().size(), acknowledged.size())
      << "reads go on; refused is not there";
  registry::v1::StatusResponse answer;
  EXPECT_TRUE(stubs.Status(&answer).ok());

  disk_.Free();
  ASSERT_TRUE(WaitFor([&] { return Register(stubs, "after").ok(); })) << daemon.Log();
  EXPECT_EQ(daemon.Stop(), 0) << daemon.Log();
}

TEST_F(SmallDiskTest, G1AWriteErrorEndsTheProcessAndNothingAcknowledgedIsLost) {
  // A reserve of nothing takes away the first line of defence.
  Daemon daemon(data_, {"--disk-reserve", "0"});
  ASSERT_TRUE(daemon.Start()) << daemon.Log();
  std::vector<std::string> acknowledged;
  {
    Stubs stubs(daemon.address());
    ASSERT_TRUE(Register(stubs, "before").ok());
    acknowledged.push_back("default/web/before");
    disk_.Fill();
    for (int n = 0; n < 200'000; ++n) {
      const std::string id = "i-" + std::to_string(n);
      if (!Register(stubs, id, 16).ok()) break;
      acknowledged.push_back("default/web/" + id);
    }
  }
  const auto exit = daemon.Wait();
  ASSERT_TRUE(exit.has_value()) << "it still runs\n" << daemon.Log();
  EXPECT_NE(*exit, 0);
  EXPECT_NE(daemon.Log().find("No space left on device"), std::string::npos) << daemon.Log();

  disk_.Free();
  ASSERT_TRUE(daemon.Start()) << daemon.Log();
  const auto there = Stubs(daemon.address()).AllInstances();
  for (const std::string& name : acknowledged) EXPECT_EQ(there.count(name), 1u) << name;
}

class ClockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Turn(0);
    daemon_.SetPrefix({"/usr/bin/env", "LD_PRELOAD=" + BinDir() + "/libshifted_clock.so",
                       "SHIFTED_CLOCK=" + clock_});
    ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
    instance_ = std::make_unique<InstanceProcess>(daemon_.address(), "alive", 2'000);
    ASSERT_TRUE(instance_->WaitUntilRegistered()) << instance_->Log() << daemon_.Log();
    stubs_ = std::make_unique<Stubs>(daemon_.address());
  }

  // The daemon's wall clock, in seconds ahead of the machine's. In place: the daemon has it mapped.
  void Turn(int64_t seconds) {
    const bool there = fs::exists(clock_);
    std::fstream file(clock_, there ? std::ios::in | std::ios::out | std::ios::binary
                                    : std::ios::out | std::ios::binary);
    file.write(reinterpret_cast<const char*>(&seconds), sizeof seconds);
  }

  registry::v1::Instance Alive() { return stubs_->AllInstances()["default/web/alive"]; }

  int64_t ChangedMs(const std::string& id) {
    return stubs_->AllInstances()["default/web/" + id].changed_ms();
  }

  // Longer than the ttl by the daemon's own monotonic clock, with the instance there all the time.
  void ExpectItStays() {
    registry::v1::StatusResponse status;
    ASSERT_TRUE(stubs_->Status(&status).ok());
    const auto until = status.uptime_ms() + 3'500;
    ASSERT_TRUE(WaitFor([&] {
      EXPECT_EQ(Alive().health(), registry::v1::HEALTH_PASSING) << daemon_.Log();
      return HasFailure() || (stubs_->Status(&status).ok() && status.uptime_ms() > until);
    }));
  }

  TempDir dir_;
  const std::string clock_ = dir_.path() + "/clock";
  Daemon daemon_{dir_.path() + "/data"};
  std::unique_ptr<InstanceProcess> instance_;
  std::unique_ptr<Stubs> stubs_;
};

TEST_F(ClockTest, G4AWallClockThatJumpsExpiresNobodyAndTimeNeverGoesBack) {
  ASSERT_TRUE(Register(*stubs_, "first").ok());
  Turn(3'600);
  ASSERT_TRUE(Register(*stubs_, "hour-ahead").ok());
  EXPECT_GE(ChangedMs("hour-ahead"), ChangedMs("first") + 3'000'000) << "the clock was not turned";
  ExpectItStays();
  Turn(-3'600);
  ASSERT_TRUE(Register(*stubs_, "hour-behind").ok());
  EXPECT_GE(ChangedMs("hour-behind"), ChangedMs("hour-ahead"));
  ExpectItStays();
  // And the dead are still found: expiry goes by the monotonic clock.
  instance_->process().Signal(9);
  EXPECT_TRUE(WaitFor([&] { return Alive().health() == registry::v1::HEALTH_CRITICAL; }))
      << daemon_.Log();
  EXPECT_EQ(daemon_.Stop(), 0) << daemon_.Log();
}

}  // namespace
}  // namespace registryd::testing
