// Backups, and clusters that are made of what is left.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/linearizability.h"
#include "tests/support/random_writer.h"
#include "tests/support/recording_client.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using registry::v1::RegisterRequest;
using registry::v1::RegisterResponse;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::map<std::string, std::string> Instances(Stubs& stubs, const std::string& prefix = "") {
  // A connection to a process that was started again is made anew first.
  registry::v1::StatusResponse status;
  EXPECT_TRUE(WaitFor([&] { return stubs.Status(&status).ok(); }));
  std::map<std::string, std::string> all;
  for (const auto& [name, instance] : stubs.AllInstances()) {
    if (name.rfind(prefix, 0) == 0) all[name] = instance.DebugString();
  }
  return all;
}

class BackupTest : public ::testing::Test {
 protected:
  TempDir dir_;
  const std::string file_ = dir_.path() + "/backup";
};

TEST_F(BackupTest, ABackupOfAClusterUnderWritesIsAWholeClusterAgain) {
  Cluster cluster(3);
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  // What must be there afterwards: services with leases, and how they came to be as they are.
  RegisterResponse leased;
  for (int i = 0; i < 200; ++i) {
    RegisterRequest request;
    *request.add_instances() = Spec("kept", "i-" + std::to_string(i));
    (*request.mutable_instances(0)->mutable_labels())["number"] = std::to_string(i);
    if (i == 0) {
      request.mutable_lease()->set_ttl_ms(3'600'000);
      request.mutable_lease()->set_owner("rightful");
    }
    RegisterResponse response;
    ASSERT_TRUE(cluster.stubs(static_cast<size_t>(i) % 3).Register(request, &response).ok());
    if (i == 0) leased = response;
  }
  ASSERT_EQ(cluster.Cli({"update", "kept/i-7", "--weight", "77"}).exit, 0);
  ASSERT_EQ(cluster.Cli({"deregister", "kept/i-8"}).exit, 0);
  ASSERT_TRUE(cluster.WaitUntilEqual()) << cluster.Log();
  const auto kept = Instances(cluster.stubs(0), "default/kept/");
  EXPECT_EQ(kept.size(), 199u);

  // Others write meanwhile.
  std::atomic<int> written{0};
  std::jthread writer([&](const std::stop_token& stop) {
    RandomWriter random(41);
    while (!stop.stop_requested()) written += random.Write(cluster.stubs(0)) ? 1 : 0;
  });
  ASSERT_TRUE(WaitFor([&] { return written > 20; }));
  const size_t follower = (cluster.WaitForLeader().value_or(0) + 1) % 3;
  registry::v1::StatusResponse before;
  EXPECT_TRUE(cluster.stubs(follower).Status(&before).ok());
  const Finished backup = cluster[follower].Cli({"backup", file_});
  const int then = written;
  EXPECT_TRUE(WaitFor([&] { return written > then + 20; })) << "writes go on";
  writer.request_stop();
  writer.join();
  ASSERT_EQ(backup.exit, 0) << backup.err << cluster.Log();
  EXPECT_THAT(backup.out, HasSubstr(file_));

  Daemon restored(dir_.path() + "/restored", {"--name", "r", "--restore", file_});
  ASSERT_TRUE(restored.Start()) << restored.Log();
  Stubs stubs(restored.address());
  EXPECT_EQ(Instances(stubs, "default/kept/"), kept);
  registry::v1::StatusResponse status;
  ASSERT_TRUE(stubs.Status(&status).ok());
  EXPECT_GE(status.info().revision(), before.info().revision());
  EXPECT_EQ(status.leader(), "r");
  EXPECT_EQ(status.members_size(), 1);
  // Its lease goes on, and whoever has another epoch is told so as before.
  registry::v1::KeepAliveRequest frame;
  frame.add_lease_ids(leased.lease().lease_id());
  frame.add_epochs(leased.lease().epoch());
  registry::v1::KeepAliveResponse answer;
  ASSERT_TRUE(stubs.KeepAlive(frame, &answer).ok());
  EXPECT_TRUE(answer.accepted());
  EXPECT_EQ(answer.lost_lease_ids_size(), 0);
  // Its past came with it.
  const Finished past = restored.Cli({"history", "kept"});
  EXPECT_EQ(past.exit, 0) << past.err;
  EXPECT_THAT(past.out, AllOf(HasSubstr("weight 1 -> 77"), HasSubstr("deregister")));
  // It takes writes, and keeps them: the option is for an empty directory only.
  RegisterRequest request;
  *request.add_instances() = Spec("fresh", "i-1");
  RegisterResponse response;
  ASSERT_TRUE(stubs.Register(request, &response).ok()) << restored.Log();
  EXPECT_EQ(response.revision(), status.info().revision() + 1);
  restored.Kill9();
  ASSERT_TRUE(restored.Start()) << restored.Log();
  Stubs again(restored.address());
  EXPECT_EQ(Instances(again, "default/fresh/").size(), 1u);
  EXPECT_EQ(Instances(again, "default/kept/"), kept);
}

TEST_F(BackupTest, G10ADamagedBackupIsRefusedByNameAndLeavesNothingBehind) {
  {
    Daemon daemon(dir_.path() + "/data");
    ASSERT_TRUE(daemon.Start()) << daemon.Log();
    Stubs stubs(daemon.address());
    for (int i = 0; i < 50; ++i) {
      RegisterRequest request;
      *request.add_instances() = Spec("web", "i-" + std::to_string(i));
      RegisterResponse response;
      ASSERT_TRUE(stubs.Register(request, &response).ok());
    }
    const Finished backup = daemon.Cli({"backup", file_});
    ASSERT_EQ(backup.exit, 0) << backup.err;
    // A place that cannot be written is said before anything is asked of the registry.
    const Finished nowhere = daemon.Cli({"backup", dir_.path() + "/absent/backup"});
    EXPECT_EQ(nowhere.exit, 1);
    EXPECT_THAT(nowhere.err, HasSubstr("absent/backup"));
    EXPECT_EQ(daemon.Stop(), 0) << daemon.Log();
  }
  const std::string good = ReadFile(file_);
  ASSERT_GT(good.size(), 1'000u);
  std::vector<std::string> bad = {"",
                                  "not a backup at all",
                                  good.substr(0, good.size() - 1),
                                  good.substr(0, good.size() / 2),
                                  good + good,
                                  good + "x"};
  for (const size_t at : {size_t{0}, size_t{5}, size_t{8}, size_t{20}, good.size() / 3,
                          good.size() / 2, good.size() - 30, good.size() - 1}) {
    bad.push_back(good);
    bad.back()[at] ^= 0x20;
  }
  Daemon daemon(dir_.path() + "/restored", {"--restore", file_});
  for (size_t i = 0; i < bad.size(); ++i) {
    WriteFile(file_, bad[i]);
    daemon.Launch();
    EXPECT_EQ(daemon.Wait(), 1) << "damage " << i << daemon.Log();
    EXPECT_THAT(daemon.Log(), AllOf(HasSubstr("cannot start"), HasSubstr(file_))) << i;
  }
  std::filesystem::remove(file_);
  daemon.Launch();
  EXPECT_EQ(daemon.Wait(), 1) << "no such file" << daemon.Log();
  // With the whole file the same directory starts.
  WriteFile(file_, good);
  ASSERT_TRUE(daemon.Start()) << daemon.Log();
  Stubs stubs(daemon.address());
  EXPECT_EQ(stubs.AllInstances().size(), 50u);
}

TEST(ForceNewClusterTest, TheLastOfThreeGoesOnWithEverythingAndTheOthersAreStrangers) {
  Cluster cluster(3);
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  RecordingClients clients(cluster.apis(), {.seed = 42});
  ASSERT_TRUE(clients.WaitForWrites(200)) << cluster.Log();
  History history = clients.Stop();
  ASSERT_TRUE(cluster.WaitUntilEqual()) << cluster.Log();
  const size_t left = (cluster.WaitForLeader().value() + 1) % 3;
  for (size_t i = 0; i < 3; ++i) cluster[i].Kill9();
  // Alone, it does not lead.
  ASSERT_TRUE(cluster[left].Start()) << cluster.Log();
  const auto all = Instances(cluster.stubs(left));
  RegisterRequest request;
  *request.add_instances() = Spec("web", "i-1");
  RegisterResponse response;
  EXPECT_EQ(cluster.stubs(left).Register(request, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  cluster[left].Kill9();

  const std::vector<std::string> flags = cluster[left].flags();
  std::vector<std::string> forced = flags;
  forced.emplace_back("--force-new-cluster");
  cluster[left].SetFlags(forced);
  ASSERT_TRUE(cluster[left].Start()) << cluster.Log();
  EXPECT_THAT(cluster[left].Log(), HasSubstr("a new cluster was forced"));
  EXPECT_EQ(Instances(cluster.stubs(left)), all);
  // Whatever was acknowledged is there.
  for (const Operation& operation : history) {
    if (operation.kind == Operation::Kind::kWrite) {
      EXPECT_TRUE(all.contains("default/" + operation.key + "/x")) << operation.key;
    }
  }
  ASSERT_TRUE(cluster.stubs(left).Register(request, &response).ok()) << cluster.Log();
  // With the option left in place, and without it.
  cluster[left].Kill9();
  ASSERT_TRUE(cluster[left].Start()) << cluster.Log();
  EXPECT_THAT(cluster[left].Log(), HasSubstr("the only member already"));
  cluster[left].Kill9();
  cluster[left].SetFlags(flags);
  ASSERT_TRUE(cluster[left].Start()) << cluster.Log();
  EXPECT_EQ(Instances(cluster.stubs(left)).size(), all.size() + 1);
  // One that comes back with what it had is of another cluster.
  const size_t lost = (left + 1) % 3;
  cluster[lost].Launch();
  EXPECT_TRUE(WaitFor([&] {
    return cluster[lost].Log().find("is of cluster") != std::string::npos;
  })) << cluster.Log();
  registry::v1::StatusResponse status;
  ASSERT_TRUE(cluster.stubs(left).Status(&status).ok());
  EXPECT_EQ(status.leader(), cluster.name(left));
  EXPECT_EQ(status.members_size(), 1);
}

}  // namespace
}  // namespace registryd::testing
