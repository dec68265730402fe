// The servers that are measured, each started with its data on the same disk and stopped with its
// object. All listen on loopback; ports come from the kernel.
//
//   DoNothing nothing(dir + "/nothing", sizes);      RegistrydServer one(dir + "/one");
//   Etcd etcd(dir + "/etcd", 1);                     ZooKeeper zookeeper(dir + "/zk", 1);
//   if (!etcd.Start()) ...                           // false: not installed, or it does not start
//   etcd.server().address
//
// etcd and ZooKeeper run as Debian packages them: every write synced. Threads: one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/daemon.h"

namespace registryd::bench {

struct Server {
  std::string name;
  std::string address;      // host:port that clients use
  std::vector<pid_t> pids;  // of all members
};

// Processor time of a server's processes so far, in seconds.
double CpuSeconds(const Server& server);
// Resident memory, in bytes.
double ResidentBytes(const Server& server);
// From `$PATH`; empty where it is not installed.
std::string FindProgram(const std::string& name);

class DoNothing {
 public:
  // `sizes`: of its answers, "lookup" -> bytes and so on (do_nothing_server.cc).
  bool Start(const std::string& dir, const std::map<std::string, size_t>& sizes);
  const Server& server() const { return server_; }

 private:
  std::unique_ptr<testing::ChildProcess> process_;
  Server server_;
};

class Etcd {
 public:
  Etcd(std::string dir, size_t members) : dir_(std::move(dir)), members_(members) {}
  bool Start();
  const Server& server() const { return server_; }

 private:
  const std::string dir_;
  const size_t members_;
  std::vector<std::unique_ptr<testing::ChildProcess>> processes_;
  Server server_;
};

class ZooKeeper {
 public:
  ZooKeeper(std::string dir, size_t members) : dir_(std::move(dir)), members_(members) {}
  bool Start();
  const Server& server() const { return server_; }

 private:
  const std::string dir_;
  const size_t members_;
  std::vector<std::unique_ptr<testing::ChildProcess>> processes_;
  Server server_;
};

}  // namespace registryd::bench
