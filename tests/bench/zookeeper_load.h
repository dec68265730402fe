// The load generator for ZooKeeper: its C client's asynchronous API behind the same Drive as the
// gRPC servers'. Without libzookeeper-mt-dev it is built empty and Built answers false.
//
//   ZooKeeperLoad load("127.0.0.1:2181", 4);           // sessions
//   load.Create("/ten", "");                           // one call; aborts the bench when it fails
//   Measured m = load.CreateEphemeral({.outstanding = 64}, path, value, 2.0);
//
// Threads: the client's own; one ZooKeeperLoad is used by one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/bench/drive.h"

namespace registryd::bench {

class ZooKeeperLoad {
 public:
  using PathOf = std::function<std::string(uint64_t n)>;

  static bool Built();
  ZooKeeperLoad(const std::string& address, size_t sessions);
  ~ZooKeeperLoad();
  bool Connected() const;  // waits a little for it

  void Create(const std::string& path, const std::string& value);
  Measured CreateEphemeral(const Shape& shape, const PathOf& path, const std::string& value,
                           double seconds);
  // Reads `count` nodes, path + "0" and so on, as one operation: their gets under way together, as
  // the C client has no call for several reads.
  Measured GetMany(const Shape& shape, const std::string& path, size_t count, double seconds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace registryd::bench
