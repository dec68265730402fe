// Counts the gRPC calls whose callbacks are still to come, and posts their ends to the prober's
// thread while there is one. Threads: any.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace registry::probes {

class OpenCalls {
 public:
  explicit OpenCalls(boost::asio::io_context& io) : io_(io) {}

  void Begin() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++open_;
  }
  // `end` runs on the prober's thread. The caller must not touch the prober afterwards.
  template <class F>
  void End(F end) {
    std::lock_guard<std::mutex> lock(mutex_);
    boost::asio::post(io_, std::move(end));
    --open_;
    none_.notify_all();
  }
  void WaitForNone() {
    std::unique_lock<std::mutex> lock(mutex_);
    none_.wait(lock, [this] { return open_ == 0; });
  }

 private:
  boost::asio::io_context& io_;
  std::mutex mutex_;
  std::condition_variable none_;
  size_t open_ = 0;
};

}  // namespace registry::probes
