// Host names to addresses, on threads of its own: the system's resolver blocks, sometimes for long,
// and cannot be interrupted.
//
// Limits: four names at a time, 1,024 wait. The threads hold what they need and end by themselves
// after the destructor, when the system's resolver lets them go; so the destructor never waits for
// a name server. Numeric addresses need no thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace registry::probes {

class NameResolver {
 public:
  struct Answer {
    std::vector<boost::asio::ip::tcp::endpoint> addresses;  // empty: see `error`
    std::string error;
    bool refused = false;  // the queue is full: nobody was asked
  };
  using Done = std::function<void(Answer)>;

  // Answers arrive on `io`, never inside Resolve.
  explicit NameResolver(boost::asio::io_context& io);
  ~NameResolver();  // names that wait are forgotten
  void Resolve(const std::string& host, uint16_t port, Done done);

 private:
  struct Queue;
  boost::asio::io_context& io_;
  std::shared_ptr<Queue> queue_;
};

}  // namespace registry::probes
