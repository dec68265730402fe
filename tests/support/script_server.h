// A TCP server on 127.0.0.1 that treats each connection as the test says: it may never answer, say
// nonsense, or talk for ever.
//
//   ScriptServer server([](ScriptServer::Connection& peer) { peer.ReadSome(); peer.Send("HTTP/1.1
//   200 OK\r\n\r\n"); }); probe.port = server.port();
//
// Threads: one for each connection; they end when the script returns, and all ends with the server:
// Send, ReadSome and Hold return false then.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace registryd::testing {

class ScriptServer {
 public:
  class Connection {
   public:
    Connection(int fd, const std::atomic<bool>& stop) : fd_(fd), stop_(stop) {}
    bool Send(std::string_view bytes);  // false: the peer or the server has gone
    bool ReadSome();                    // waits for some bytes and drops them
    bool Hold();                        // waits until the peer has closed, then true
    const std::string& read() const { return read_; }

   private:
    bool Wait(short events);
    const int fd_;
    const std::atomic<bool>& stop_;
    std::string read_;
  };
  using Script = std::function<void(Connection&)>;

  explicit ScriptServer(Script script);
  ~ScriptServer();
  uint16_t port() const { return port_; }
  int accepted() const { return accepted_.load(); }

 private:
  void Accept();

  const Script script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> accepted_{0};
  std::list<std::thread> connections_;  // the accepting thread's
  std::thread thread_;
};

// A port of 127.0.0.1 on which nobody listens (it was free a moment ago).
uint16_t ClosedPort();

}  // namespace registryd::testing
