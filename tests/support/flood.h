// Connections that say nothing, from one address, about one a millisecond; so many are held at a
// time, and for each further one the oldest is given up.
//
//   Flood flood(daemon.address(), "127.0.0.2", 300);
//   WaitFor(...);        // it goes on until it is destroyed
//
// Threads: one of its own.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <string>
#include <thread>

namespace registryd::testing {

class Flood {
 public:
  // `address`: an IPv4 one, with the port.
  Flood(const std::string& address, const std::string& from, size_t held)
      : to_(Parse(address.substr(0, address.rfind(':')),
                  std::stoi(address.substr(address.rfind(':') + 1)))),
        from_(Parse(from, 0)),
        held_(held),
        thread_([this] { Run(); }) {}
  ~Flood() {
    stop_ = true;
    thread_.join();
    for (int fd : sockets_) close(fd);
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

 private:
  static sockaddr_in Parse(const std::string& host, int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(static_cast<uint16_t>(port));
    EXPECT_EQ(inet_pton(AF_INET, host.c_str(), &out.sin_addr), 1) << host;
    return out;
  }
  void Run() {
    while (!stop_) {
      poll(nullptr, 0, 1);
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      // What is closed is gone at once, so that the address never runs out of ports.
      constexpr linger kAtOnce{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &kAtOnce, sizeof(kAtOnce));
      EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&from_), sizeof(from_)), 0);
      connect(fd, reinterpret_cast<const sockaddr*>(&to_), sizeof(to_));
      sockets_.push_back(fd);
      if (sockets_.size() <= held_) continue;
      close(sockets_.front());
      sockets_.pop_front();
    }
  }

  const sockaddr_in to_;
  const sockaddr_in from_;
  const size_t held_;
  std::deque<int> sockets_;  // the thread's, until it has ended
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace registryd::testing
