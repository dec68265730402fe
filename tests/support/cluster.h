// Several real registryds that are one registry, each on a loopback address of its own.
//
//   Cluster cluster(3);
//   ASSERT_TRUE(cluster.Start()) << cluster.Log();
//   cluster[*cluster.WaitForLeader()].Kill9();
//   ASSERT_TRUE(cluster.WaitUntilEqual()) << cluster.Log();     // digests at one index
//
// Addresses are 127.x.y.1, 127.x.y.2, ... with x and y from this process, so that tests that run at
// the same time do not meet. Member i is called "n<i>". Threads: the test's own, as Daemon.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "registry/v1/cluster.pb.h"
#include "tests/support/child_process.h"
#include "tests/support/daemon.h"
#include "tests/support/network_namespaces.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"

namespace registryd::testing {

class Cluster {
 public:
  // `networks`: each member lives in its own; outlives the cluster.
  // `flags_of`: more flags of the member of that name.
  using FlagsOf = std::function<std::vector<std::string>(const std::string& name)>;
  explicit Cluster(size_t size, std::vector<std::string> flags = {},
                   const NetworkNamespaces* networks = nullptr, const FlagsOf& flags_of = nullptr);

  // All of them at once; true when all serve.
  [[nodiscard]] bool Start();
  size_t size() const { return members_.size(); }
  Daemon& operator[](size_t i) { return *members_[i].daemon; }
  Stubs& stubs(size_t i) { return *members_[i].stubs; }
  std::string name(size_t i) const;
  std::string api(size_t i) const;
  std::string peer(size_t i) const;
  std::vector<std::string> apis() const;
  const std::string& dir() const { return dir_.path(); }

  // What member i says; absent: it did not answer.
  std::optional<registry::v1::StatusResponse> Status(size_t i);
  // Who leads, when a running member (but `but`) says so of itself and is level with itself.
  std::optional<size_t> Leader(std::optional<size_t> but = {});
  std::optional<size_t> WaitForLeader(std::optional<size_t> but = {});
  // Waits until all running members have applied the same index, and answers whether their digests
  // are equal there.
  [[nodiscard]] bool WaitUntilEqual();
  std::string Log();

  // One more node, not started: it joins the others. Which one it is.
  size_t Add(std::vector<std::string> flags = {});
  // registry-cli with these arguments, asking all members.
  Finished Cli(std::vector<std::string> arguments);

  // Addresses of one more member.
  std::map<std::string, std::string> AddressesOf(size_t i) const;

 private:
  struct Member {
    std::unique_ptr<Daemon> daemon;
    std::unique_ptr<Stubs> stubs;
  };
  std::string Host(size_t i) const;
  void AddMember(std::vector<std::string> flags);

  const NetworkNamespaces* const networks_;
  TempDir dir_;
  const std::string net_;  // "127.x.y."
  std::vector<Member> members_;
};

}  // namespace registryd::testing
