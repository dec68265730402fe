// The door of a port: it accepts connections itself, so that there can be a limit to them.
//
//   ASSIGN_OR_RETURN(auto gate, ConnectionGate::Listen({.host = "10.0.0.1", .port = 7400,
//                                                       .flag = "--listen", .callers = "clients"},
//                                                      {.connections = 10'000}));
//   gate->Open([&](int fd) { server.Take(fd); });      // the fd is the other's from then on
//   gate->Close();                                     // no further connections; those that are go
//   on
//
// Beyond the limits a connection is closed at once, before anything is read of it, and counted
// (registryd_connections_refused_total{of="clients"}); now and then the log says so. Limits:
// connections in all, and connections of one address, so that one machine does not take all of
// them. Whose socket is gone is found out when a limit is met: a look at each socket, at most every
// 100 ms. A connection whose other end does not take what it was sent for kUnreadMs is broken by
// the kernel. Threads: one of its own; the others' calls from any thread. Errors: UNAVAILABLE, the
// address is taken or not of this machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "registryd/base/metrics.h"
#include "registryd/base/mutex.h"

namespace registryd {

class ConnectionGate {
 public:
  static constexpr int kUnreadMs = 20'000;

  struct Limits {
    size_t connections = 0;     // 0: as many as the process may have files, but kFilesKept
    size_t of_one_address = 0;  // 0: no limit of its own
  };
  // What the stores, the peers and the pages need.
  static constexpr size_t kFilesKept = 512;

  struct Door {
    std::string host;
    int port = 0;         // 0: the kernel chooses
    std::string flag;     // that says where, for messages to people
    std::string callers;  // who comes to it, for the metric
  };
  static absl::StatusOr<std::unique_ptr<ConnectionGate>> Listen(const Door& door,
                                                                const Limits& limits);
  ~ConnectionGate() { Close(); }

  int port() const { return port_; }
  // Once. Until then connections wait in the kernel. `take` runs on the gate's thread.
  void Open(std::function<void(int fd)> take);
  void Close();
  // Those that are open, as far as it was looked at.
  size_t open() const;

 private:
  // A socket that was handed on: its number may have been given to another file since.
  struct Handed {
    ino_t inode = 0;
    std::string address;
  };
  ConnectionGate(const Door& door, const Limits& limits);
  absl::Status Bind(const Door& door);
  void Run();
  void Accept(int listener);
  bool Admit(int fd, const std::string& address);
  void Refuse(int fd, const std::string& address);
  bool Full(const std::string& address) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(const std::string& address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetClosed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Limits limits_;
  const std::string callers_;
  metrics::Counter& refused_;
  int64_t said_ms_ = 0;  // the thread's
  int port_ = 0;
  std::vector<int> listeners_;
  int wake_ = -1;  // an eventfd
  std::function<void(int)> take_;
  std::thread thread_;

  mutable Mutex mutex_;
  absl::flat_hash_map<int, Handed> handed_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, size_t> of_address_ ABSL_GUARDED_BY(mutex_);
  int64_t looked_ms_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace registryd
