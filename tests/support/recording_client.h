// Clients that write and read linearizably while a test breaks things, and record every call for
// the checkers of linearizability.h.
//
//   RecordingClients clients(cluster.apis(), {.clients = 6, .keys = 12});
//   ... kill, cut, restart ...
//   clients.WaitForWrites(50);       // that 50 more writes were acknowledged from now on
//   const History history = clients.Stop();
//
// A key is the service "k-<n>" with the one permanent instance "x"; its value is a label. Client i
// prefers node i and goes on to the next one after an error. Writes have a request id and are never
// repeated, so each happens at most once. UNAVAILABLE with the registry's own words "nothing
// happened" is taken by its word: such a write is not in the history, and a read that finds its
// value is a fault.
//
// Threads: one a client; all methods by the test's own.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "registryd/base/mutex.h"
#include "tests/support/cluster.h"
#include "tests/support/linearizability.h"

namespace registryd::testing {

struct RecordingOptions {
  int clients = 6;
  int keys = 12;
  int read_percent = 40;
  int64_t call_timeout_ms = 2'000;
  int64_t pause_ms = 1;  // between two calls of a client
  uint32_t seed = 1;
};

class RecordingClients {
 public:
  RecordingClients(std::vector<std::string> nodes, RecordingOptions options);
  ~RecordingClients();

  // False: so many more writes were not acknowledged within the deadline of
  // tests/support/wait_for.h.
  [[nodiscard]] bool WaitForWrites(uint64_t more);
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t refused() const { return refused_; }
  uint64_t unknown() const { return unknown_; }
  // The longest time from one acknowledged write of any client to the next.
  int64_t longest_pause_ms() const { return longest_pause_ms_; }
  // Ends the clients. Reads of all keys through every node follow, so that the end counts as well.
  History Stop();

 private:
  void Run(int client);
  void Keep(Operation operation);

  const std::vector<std::string> nodes_;
  const RecordingOptions options_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> unknown_{0};
  std::atomic<int64_t> last_ack_ms_{0};
  std::atomic<int64_t> longest_pause_ms_{0};
  Mutex mutex_;
  History history_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

// What holds of any cluster after any history: the members are equal (G8), and the calls can have
// come one after the other. Fatal where they do not become level.
void ExpectGood(Cluster& cluster, const History& history);

}  // namespace registryd::testing
