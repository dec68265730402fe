// One subscription of the real API, judged by a WatchChecker, over as many streams as it takes.
//
//   WatchClient client({.address = daemon.address(), .subscribe = Service("web")});
//   client.Connect();
//   ASSERT_TRUE(client.WaitUntilWhole());
//   client.Cut();                     // as if the network broke
//   client.Connect();                 // goes on from where it stood
//
// Raw stubs, callback API: a thousand of them cost no thread. Threads: any.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "registry/v1/discovery.grpc.pb.h"
#include "tests/support/watch_checker.h"

namespace registryd::testing {

class WatchClient {
 public:
  struct Options {
    std::string address = {};
    registry::v1::Subscribe subscribe = {};  // subscription and resume are filled in
    registry::v1::Hello hello = {};          // sent where it has a client_id
    bool acknowledge = false;                // each page, and each beat
    bool batches = true;                     // takes several events in a message
    bool read = true;                        // false: subscribes and never reads
  };
  explicit WatchClient(Options options);
  ~WatchClient();  // as Cut
  WatchClient(const WatchClient&) = delete;
  WatchClient& operator=(const WatchClient&) = delete;

  // Begins a stream where none is open; goes on from the checker's cursor where it has one.
  void Connect();
  // To another node from now on. Cut before.
  void MoveTo(const std::string& address);
  // Ends the stream without a word, and waits until it is gone.
  void Cut();
  // Ends the stream as a client does that has finished.
  void SayGoodbye();
  // The stream has ended, by whichever side.
  bool ended() const;
  grpc::Status status() const;  // of the last stream that ended

  // Runs `look(checker)` under the client's lock.
  template <class F>
  auto Look(F look) const {
    std::lock_guard lock(mutex_);
    return look(static_cast<const WatchChecker&>(checker_));
  }
  // False: it has no whole picture within the deadline of tests/support/wait_for.h.
  [[nodiscard]] bool WaitUntilWhole() const;
  // The checker itself, once the stream is cut.
  WatchChecker& checker() { return checker_; }
  // Acknowledges from now on only what Acknowledge says.
  void Acknowledge(uint64_t revision);

 private:
  class Stream;

  void Taken(const registry::v1::WatchResponse& response, Stream* stream);

  Options options_;
  std::unique_ptr<registry::v1::Discovery::Stub> stub_;
  mutable std::mutex mutex_;
  WatchChecker checker_;
  std::shared_ptr<Stream> stream_;
};

registry::v1::Subscribe ServiceScope(const std::string& service);
registry::v1::Subscribe PrefixScope(const std::string& prefix);  // of the default namespace

}  // namespace registryd::testing
