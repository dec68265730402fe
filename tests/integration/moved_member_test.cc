// Members that are known by names, one of which comes to mean another address, as that of a pod
// that moved. The names are those of a hosts file that only the processes of the test see.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

// /etc/hosts of the programs that are run by Prefix(), in a mount namespace of each. No name server
// is asked.
class PrivateHosts {
 public:
  PrivateHosts() {
    WriteFile(dir_.path() + "/nsswitch.conf", "hosts: files\n");
    Set({});
  }
  void Set(const std::map<std::string, std::string>& addresses) {
    std::string lines = "127.0.0.1 localhost\n";
    for (const auto& [name, address] : addresses) lines += address + " " + name + "\n";
    WriteFile(dir_.path() + "/hosts", lines);
  }
  std::vector<std::string> Prefix() const {
    return {"/usr/bin/unshare",
            "--mount",
            "/bin/sh",
            "-c",
            "mount --bind \"$0/hosts\" /etc/hosts && "
            "mount --bind \"$0/nsswitch.conf\" /etc/nsswitch.conf && exec \"$@\"",
            dir_.path()};
  }
  bool Permitted() const {
    std::vector<std::string> argv = Prefix();
    argv.emplace_back("/bin/true");
    return RunProgram(argv).exit == 0;
  }

 private:
  TempDir dir_;
};

TEST(MovedMemberTest, AMemberWhoseNameMeansAnotherAddressIsFoundThere) {
  PrivateHosts hosts;
  if (!hosts.Permitted()) GTEST_SKIP() << "no right to make mount namespaces";
  Cluster cluster(3);
  std::map<std::string, std::string> addresses;
  std::string all;
  for (size_t i = 0; i < 3; ++i) {
    const std::string host = cluster.name(i) + ".registry.test";
    const std::string address = cluster.peer(i);
    addresses[host] = address.substr(0, address.rfind(':'));
    all += (i == 0 ? "" : ",") + cluster.name(i) + "=" + host + ":7401";
  }
  hosts.Set(addresses);
  for (size_t i = 0; i < 3; ++i) {
    cluster[i].SetFlags({"--name", cluster.name(i), "--initial-cluster", all, "--insecure"});
    cluster[i].SetPrefix(hosts.Prefix());
  }
  ASSERT_TRUE(cluster.Start()) << cluster.Log();
  const auto leader = cluster.WaitForLeader();
  ASSERT_TRUE(leader.has_value()) << cluster.Log();
  const size_t moves = (*leader + 1) % 3;
  const size_t dies = (*leader + 2) % 3;

  cluster[moves].Kill9();
  std::string& address = addresses[cluster.name(moves) + ".registry.test"];
  address += "1";  // 127.x.y.2 is 127.x.y.21 now
  hosts.Set(addresses);
  cluster[moves].SetAddress("peer", address + ":7401");
  ASSERT_TRUE(cluster[moves].Start()) << cluster.Log();

  // Both roads lead there: Raft's messages, without which nothing is committed once the third one
  // is gone, and requests, by which its status is asked.
  cluster[dies].Kill9();
  registry::v1::RegisterRequest request;
  *request.add_instances() = Spec("web", "i-1");
  ASSERT_TRUE(WaitFor([&] {
    registry::v1::RegisterResponse response;
    return cluster.stubs(*leader).Register(request, &response).ok();
  })) << cluster.Log();
  EXPECT_TRUE(cluster.WaitUntilEqual()) << cluster.Log();
  EXPECT_TRUE(WaitFor([&] {
    const auto status = cluster.Status(*leader);
    if (!status) return false;
    for (const auto& member : status->members()) {
      if (member.name() == cluster.name(moves)) return member.reachable();
    }
    return false;
  })) << cluster.Log();
}

}  // namespace
}  // namespace registryd::testing
