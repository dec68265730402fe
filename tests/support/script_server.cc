#include "tests/support/script_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "tests/support/loopback.h"

namespace registryd::testing {
namespace {

constexpr int kLookUpMs = 10;  // how often a waiting thread looks whether the server stops

}  // namespace

bool ScriptServer::Connection::Wait(short events) {
  pollfd waiting{.fd = fd_, .events = events, .revents = 0};
  while (!stop_) {
    if (poll(&waiting, 1, kLookUpMs) > 0) return true;
  }
  return false;
}

bool ScriptServer::Connection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!Wait(POLLOUT)) return false;
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool ScriptServer::Connection::ReadSome() {
  char bytes[4096];
  if (!Wait(POLLIN)) return false;
  const ssize_t size = recv(fd_, bytes, sizeof(bytes), 0);
  if (size > 0) read_.append(bytes, static_cast<size_t>(size));
  return size > 0;
}

bool ScriptServer::Connection::Hold() {
  while (ReadSome()) {
  }
  return !stop_;
}

ScriptServer::ScriptServer(Script script) : script_(std::move(script)) {
  listener_ = ListenOnLoopback(512, &port_);
  thread_ = std::thread([this] { Accept(); });
}

ScriptServer::~ScriptServer() {
  stop_ = true;
  thread_.join();
  for (std::thread& connection : connections_) connection.join();
  close(listener_);
}

void ScriptServer::Accept() {
  pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
  while (!stop_) {
    if (poll(&waiting, 1, kLookUpMs) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++accepted_;
    connections_.emplace_back([this, fd] {
      Connection connection(fd, stop_);
      script_(connection);
      close(fd);
    });
  }
}

uint16_t ClosedPort() {
  uint16_t port = 0;
  close(ListenOnLoopback(512, &port));
  return port;
}

}  // namespace registryd::testing
