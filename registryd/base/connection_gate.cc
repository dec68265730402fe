#include "registryd/base/connection_gate.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/clock.h"
#include "registryd/base/log.h"
#include "registryd/base/text.h"

namespace registryd {
namespace {

constexpr int kBacklog = 1'024;
constexpr int64_t kLookEveryMs = 100;
constexpr int64_t kSayEveryMs = 10'000;
// When the process has no file left for a connection, it is tried again so much later.
constexpr int kExhaustedMs = 100;

// IPv4 in IPv6 is the IPv4 address that it is.
std::string TextOf(const sockaddr_storage& from) {
  char text[INET6_ADDRSTRLEN] = {};
  if (from.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(from).sin_addr, text, sizeof(text));
  } else if (from.ss_family == AF_INET6) {
    const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
      inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof(text));
    } else {
      inet_ntop(AF_INET6, &address, text, sizeof(text));
    }
  }
  return text;
}

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

int PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

size_t FilesOfTheProcess() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return 1 << 20;
  return static_cast<size_t>(files.rlim_cur);
}

}  // namespace

ConnectionGate::ConnectionGate(const Door& door, const Limits& limits)
    : limits_(limits),
      callers_(door.callers),
      refused_(metrics::GetCounter("registryd_connections_refused_total",
                                   "Connections that were one too many.", {{"of", door.callers}})) {
  const size_t files = FilesOfTheProcess();
  const size_t most = files > 2 * kFilesKept ? files - kFilesKept : files / 2;
  if (limits.connections == 0 || limits.connections > most) limits_.connections = most;
}

absl::StatusOr<std::unique_ptr<ConnectionGate>> ConnectionGate::Listen(const Door& door,
                                                                       const Limits& limits) {
  std::unique_ptr<ConnectionGate> gate(new ConnectionGate(door, limits));
  RETURN_IF_ERROR(gate->Bind(door));
  return gate;
}

absl::Status ConnectionGate::Bind(const Door& door) {
  const auto failed = [&door](std::string_view why) {
    return absl::UnavailableError(Text("cannot listen on ", door.host, ":", door.port, ": ", why,
                                       "; choose another address with ", door.flag,
                                       " (port 0: any)"));
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(door.host.c_str(), nullptr, &hints, &found); error != 0) {
    return failed(gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  std::string error = "no such address";
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    listeners_.push_back(fd);  // closed by Close
    SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);  // what is accepted inherits these
    SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnreadMs);
    sockaddr_storage address{};
    std::memcpy(&address, at->ai_addr, at->ai_addrlen);
    // A name with several addresses has one port.
    const auto wanted = htons(static_cast<uint16_t>(port_ != 0 ? port_ : door.port));
    if (at->ai_family == AF_INET6) {
      SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, door.host == "::" ? 0 : 1);
      reinterpret_cast<sockaddr_in6&>(address).sin6_port = wanted;
    } else {
      reinterpret_cast<sockaddr_in&>(address).sin_port = wanted;
    }
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), at->ai_addrlen) != 0 ||
        listen(fd, kBacklog) != 0) {
      error = std::strerror(errno);
      close(fd);
      listeners_.pop_back();
      continue;
    }
    port_ = PortOf(fd);
  }
  if (listeners_.empty()) return failed(error);
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_ < 0) return failed(std::strerror(errno));
  return absl::OkStatus();
}

void ConnectionGate::Open(std::function<void(int fd)> take) {
  take_ = std::move(take);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "gate");
    Run();
  });
}

void ConnectionGate::Close() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    // Nobody else writes, so it is never full.
    if (write(wake_, &one, sizeof(one)) != sizeof(one)) return;
    thread_.join();
  }
  for (int fd : std::exchange(listeners_, {})) close(fd);
  if (wake_ >= 0) close(std::exchange(wake_, -1));
}

void ConnectionGate::Run() {
  std::vector<pollfd> ready;
  for (int fd : listeners_) ready.push_back({fd, POLLIN, 0});
  ready.push_back({wake_, POLLIN, 0});
  for (;;) {
    if (poll(ready.data(), ready.size(), -1) < 0) continue;  // a signal
    if (ready.back().revents != 0) return;
    for (const pollfd& one : ready) {
      if (one.revents != 0) Accept(one.fd);
    }
  }
}

void ConnectionGate::Accept(int listener) {
  sockaddr_storage from{};
  socklen_t size = sizeof(from);
  const int fd =
      accept4(listener, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    // No file or no memory is left: asked again at once it would only burn the processor.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      pollfd woken{wake_, POLLIN, 0};
      poll(&woken, 1, kExhaustedMs);
    }
    return;
  }
  const std::string address = TextOf(from);
  if (Admit(fd, address)) return take_(fd);
  Refuse(fd, address);
}

void ConnectionGate::Refuse(int fd, const std::string& address) {
  close(fd);
  refused_.Add();
  const int64_t now_ms = SystemClock().MonotonicMs();
  if (said_ms_ != 0 && now_ms - said_ms_ < kSayEveryMs) return;
  said_ms_ = now_ms;
  log::Warning("connections are refused: there are as many as may be",
               {{"of", callers_},
                {"from", address},
                {"most", limits_.connections},
                {"most_of_one_address", limits_.of_one_address}});
}

bool ConnectionGate::Admit(int fd, const std::string& address) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return false;
  MutexLock lock(mutex_);
  // The number was another connection's, which is gone.
  if (const auto before = handed_.find(fd); before != handed_.end()) {
    Forget(before->second.address);
    handed_.erase(before);
  }
  if (Full(address)) ForgetClosed();
  if (Full(address)) return false;
  handed_[fd] = {info.st_ino, address};
  ++of_address_[address];
  return true;
}

bool ConnectionGate::Full(const std::string& address) const {
  if (handed_.size() >= limits_.connections) return true;
  if (limits_.of_one_address == 0) return false;
  const auto found = of_address_.find(address);
  return found != of_address_.end() && found->second >= limits_.of_one_address;
}

void ConnectionGate::ForgetClosed() {
  const int64_t now_ms = SystemClock().MonotonicMs();
  if (looked_ms_ != 0 && now_ms - looked_ms_ < kLookEveryMs) return;
  looked_ms_ = now_ms;
  for (auto at = handed_.begin(); at != handed_.end();) {
    const auto present = at++;
    struct stat info {};
    if (fstat(present->first, &info) == 0 && info.st_ino == present->second.inode) continue;
    Forget(present->second.address);
    handed_.erase(present);
  }
}

void ConnectionGate::Forget(const std::string& address) {
  const auto found = of_address_.find(address);
  if (--found->second == 0) of_address_.erase(found);
}

size_t ConnectionGate::open() const {
  MutexLock lock(mutex_);
  return handed_.size();
}

}  // namespace registryd
