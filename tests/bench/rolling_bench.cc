// A service is restarted instance by instance while clients call it all the time: how many calls
// fail, with a drain before each stop and without one.
//
//   rolling_bench [--smoke] [--instances 50] [--clients 200]
//
// A real registryd; each client has a connection, a live view and a picker of its own; a call is a
// TCP connection that sends a byte and gets one back, without a retry. An instance that is told to
// stop serves on for kLingerMs, as a server that finishes its work does, then closes its port,
// deregisters and comes back on another port. With the drain it asks for that first and waits for
// the answer. A count, so it may run on a busy machine; every client is told to be alive by its own
// calls.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "registry/admin.h"
#include "registry/client.h"
#include "registry/picker.h"
#include "registry/subscription.h"
#include "tests/support/daemon.h"
#include "tests/support/loopback.h"
#include "tests/support/temp_dir.h"

namespace registryd::bench {
namespace {

constexpr int kLingerMs = 100;
constexpr int kPauseMs = 50;  // of a client between two calls

void Must(const absl::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "rolling_bench: %s: %s\n", what, status.ToString().c_str());
  std::exit(1);
}

// Answers each connection's byte with one, until it is told to close.
class Echo {
 public:
  Echo() : fd_(testing::ListenOnLoopback(1'024, &port_)) {
    thread_ = std::thread([this] { Serve(); });
  }
  ~Echo() {
    closing_ = true;
    thread_.join();
    close(fd_);
  }
  uint32_t port() const { return port_; }

 private:
  void Serve() {
    while (!closing_) {
      pollfd ready{fd_, POLLIN, 0};
      if (poll(&ready, 1, 10) != 1) continue;
      const int connection = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      char byte;
      if (recv(connection, &byte, 1, 0) == 1) send(connection, &byte, 1, MSG_NOSIGNAL);
      close(connection);
    }
  }
  uint16_t port_ = 0;
  const int fd_;
  std::atomic<bool> closing_{false};
  std::thread thread_;
};

bool Call(uint32_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{30, 0};  // a busy machine is no failed call
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  char byte = 'x';
  const bool good = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                    send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
  close(fd);
  return good;
}

class Instance {
 public:
  Instance(registry::Client* client, registry::Admin* admin, int number)
      : client_(client), admin_(admin), number_(number) {
    Start();
  }
  void Restart(bool drain) {
    if (drain) {
      const registry::InstanceRef ref{.service = "web",
                                      .id = registration_->status().instances[0].id};
      const auto drained = admin_->Drain(ref, absl::Seconds(60), "restart");
      Must(drained.status(), "drain");
      if (!drained->drained)
        Must(absl::DeadlineExceededError("not everybody acknowledged"), "drain");
    }
    poll(nullptr, 0, kLingerMs);
    echo_.reset();
    Must(registration_->Deregister(), "deregister");
    Start();
  }

 private:
  void Start() {
    echo_ = std::make_unique<Echo>();
    registry::InstanceSpec spec;
    spec.service = "web";
    spec.id = "i-" + std::to_string(number_);
    spec.endpoints = {{"default", "127.0.0.1", echo_->port(), ""}};
    registry::RegistrationOptions options;
    options.ttl = absl::Seconds(30);
    auto registration = client_->KeepRegistered({spec}, options);
    Must(registration.status(), "register");
    registration_ = *std::move(registration);
  }

  registry::Client* const client_;
  registry::Admin* const admin_;
  const int number_;
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<registry::Registration> registration_;
};

struct Counted {
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> failed{0};
};

class Caller {
 public:
  Caller(const registry::ClientOptions& options, Counted* counted) {
    auto client = registry::Client::Create(options);
    Must(client.status(), "client");
    client_ = *std::move(client);
    registry::WatchQuery query;
    query.service = "web";
    auto subscription = client_->Subscribe(query);
    Must(subscription.status(), "subscribe");
    subscription_ = *std::move(subscription);
    Must(subscription_->WaitReady(absl::Seconds(60)), "a first view");
    thread_ = std::thread([this, counted] { Run(counted); });
  }
  ~Caller() {
    stopping_ = true;
    thread_.join();
  }

 private:
  void Run(Counted* counted) {
    registry::Picker picker(*subscription_);
    while (!stopping_) {
      registry::Picked picked = picker.Pick();
      const absl::Time begin = absl::Now();
      const bool good = picked && Call(picked.endpoint().port);
      if (picked) picked.Done(good, absl::Now() - begin);
      ++counted->calls;
      if (!good) ++counted->failed;
      poll(nullptr, 0, kPauseMs);
    }
  }
  std::unique_ptr<registry::Client> client_;
  std::unique_ptr<registry::Subscription> subscription_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// Returns the number of failed calls.
uint64_t Roll(const std::string& address, int instances, int clients, bool drain) {
  registry::ClientOptions options;
  options.servers = {address};
  options.timeout = absl::Seconds(60);
  auto client = registry::Client::Create(options);
  auto admin = registry::Admin::Create(options);
  Must(client.status(), "client");
  Must(admin.status(), "admin");
  std::vector<std::unique_ptr<Instance>> service;
  for (int i = 0; i < instances; ++i) {
    service.push_back(std::make_unique<Instance>(client->get(), admin->get(), i));
  }
  Counted counted;
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < clients; ++i) callers.push_back(std::make_unique<Caller>(options, &counted));
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& instance : service) instance->Restart(drain);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  callers.clear();  // before the instances go for good
  std::printf("%-14s %6lu of %8lu calls failed; %d restarts in %.1f s\n",
              drain ? "with drain" : "without drain", static_cast<unsigned long>(counted.failed),
              static_cast<unsigned long>(counted.calls), instances, took.count());
  return counted.failed;
}

}  // namespace

int Run(int instances, int clients) {
  testing::TempDir dir;
  testing::Daemon daemon(dir.path() + "/data", {"--disk-reserve", "16MiB"});
  if (!daemon.Start()) {
    std::fprintf(stderr, "rolling_bench: registryd does not start:\n%s\n", daemon.Log().c_str());
    return 1;
  }
  std::printf("a service of %d instances, %d clients\n", instances, clients);
  const uint64_t failed = Roll(daemon.address(), instances, clients, /*drain=*/true);
  Roll(daemon.address(), instances, clients, /*drain=*/false);
  return failed == 0 ? 0 : 1;
}

}  // namespace registryd::bench

int main(int argc, char** argv) {
  int instances = 50;
  int clients = 200;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--smoke") {
      instances = 5;
      clients = 10;
    } else if (argument == "--instances" && i + 1 < argc) {
      instances = std::atoi(argv[++i]);
    } else if (argument == "--clients" && i + 1 < argc) {
      clients = std::atoi(argv[++i]);
    } else {
      std::fprintf(stderr, "usage: rolling_bench [--smoke] [--instances N] [--clients N]\n");
      return 2;
    }
  }
  return registryd::bench::Run(instances, clients);
}
