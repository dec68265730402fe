// The audit log: one JSON line for every call that changed something and every one that was denied.
//
//   {"time":"2026-11-24T08:00:00.123Z","identity":"spiffe://example.org/shop/web","peer":
//    "ipv4:10.0.0.7:41234","verb":"register","object":"shop/web","revision":17,"result":"OK"}
//
// `result` is the name of the status code; `message` says why when it is not OK. Lines are written
// by a thread of the log, so no call and no loop waits for the disk. At most kQueueMax lines wait;
// what comes beyond is counted (registryd_audit_lost_total) and said in the log. A file that has
// grown to its size becomes PATH.1, that PATH.2 and so on. Written whole, one write a batch; a file
// that cannot be written is an error in the daemon's log and counted. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "registryd/base/bounded_queue.h"
#include "registryd/base/clock.h"
#include "registryd/base/ids.h"
#include "registryd/operations/access.h"

namespace registryd::operations {

class AuditLog {
 public:
  static constexpr size_t kQueueMax = 65'536;

  struct Options {
    std::string path;                  // "-": stdout
    uint64_t bytes_max = 64ull << 20;  // of one file
    int files = 8;                     // with the one that is written
  };
  // UNAVAILABLE: the file cannot be opened.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const Options& options, const Clock* clock);
  // Writes what waits.
  ~AuditLog();

  void Write(const Caller& caller, Verb verb, std::string_view object, Revision revision,
             const absl::Status& result);

 private:
  AuditLog(const Options& options, const Clock* clock) : options_(options), clock_(clock) {}
  absl::Status OpenFile();
  void Rotate();
  void MoveOn();
  void Run();
  // False: some of it is not in the file.
  bool WriteBatch(std::string_view lines);
  static void CountLost(uint64_t lines);

  const Options options_;
  const Clock* const clock_;
  int fd_ = -1;
  uint64_t size_ = 0;
  BoundedQueue<std::string> queue_{kQueueMax};
  std::atomic<uint64_t> refused_{0};  // lines that found no room in the queue
  std::thread thread_;
};

}  // namespace registryd::operations
