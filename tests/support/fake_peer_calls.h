// The request channel of a member in a test's hands: calls wait until the test answers them, and
// handlers are run by it.
//
//   FakePeerCalls peers;
//   part.Do();                                     // calls peers.Call(leader, "propose", ...)
//   std::move(peers.Take("propose").done)("bytes");
//   EXPECT_EQ(*peers.Ask("propose", "bytes"), ...);    // as another member would
//
// Threads: any.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "registryd/base/mutex.h"
#include "registryd/consensus/peer_calls.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {

class FakePeerCalls final : public consensus::PeerCalls {
 public:
  struct Waiting {
    NodeId to;
    std::string method;
    std::string body;
    consensus::PeerReply done;
  };

  void Call(NodeId to, const std::string& method, std::string body, int64_t,
            consensus::PeerReply done) override {
    MutexLock lock(mutex_);
    waiting_.push_back({to, method, std::move(body), std::move(done)});
  }
  void Handle(const std::string& method, Handler handler) override {
    handlers_[method] = std::move(handler);
  }

  size_t waiting() const {
    MutexLock lock(mutex_);
    return waiting_.size();
  }
  // The oldest call, which comes within the deadline of WaitFor.
  Waiting Take(const std::string& method) {
    EXPECT_TRUE(WaitFor([this] { return waiting() != 0; }));
    MutexLock lock(mutex_);
    if (waiting_.empty()) return {};
    Waiting call = std::move(waiting_.front());
    waiting_.pop_front();
    EXPECT_EQ(call.method, method);
    return call;
  }
  // What the handler answers, now or later.
  std::future<absl::StatusOr<std::string>> BeginAsk(const std::string& method, std::string body) {
    auto answer = std::make_shared<std::promise<absl::StatusOr<std::string>>>();
    auto future = answer->get_future();
    handlers_.at(method)({NodeId(99), "asker", std::move(body)},
                         [answer](absl::StatusOr<std::string> got) { answer->set_value(got); });
    return future;
  }
  absl::StatusOr<std::string> Ask(const std::string& method, std::string body) {
    return BeginAsk(method, std::move(body)).get();
  }

 private:
  std::map<std::string, Handler> handlers_;
  mutable Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace registryd::testing
