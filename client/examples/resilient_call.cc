// Calls a service ten times, each time an instance of a live view, and again another where one
// fails:
//
//   REGISTRY_SERVER=127.0.0.1:7400 example_resilient_call web
//
// A call here is a TCP connection.
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>

#include "registry/client.h"
#include "registry/resilient_call.h"

namespace {

absl::Status Connect(const registry::Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found) !=
      0) {
    return absl::UnavailableError("no such host");
  }
  const int fd = socket(found->ai_family, found->ai_socktype, 0);
  const bool connected = connect(fd, found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  close(fd);
  return connected ? absl::OkStatus() : absl::UnavailableError("nobody listens");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " SERVICE\n";
    return 2;
  }
  auto client = registry::Client::Create();
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  auto subscription = (*client)->Subscribe({.service = argv[1]});
  if (!subscription.ok()) {
    std::cerr << subscription.status() << "\n";
    return 1;
  }
  if (absl::Status ready = (*subscription)->WaitReady(absl::Seconds(5)); !ready.ok()) {
    std::cerr << ready << "\n";
    return 1;
  }
  registry::ResilientCallerOptions options;
  options.picker.policy = registry::WeightedRoundRobin();
  registry::ResilientCaller caller(**subscription, options);
  for (int i = 0; i < 10; ++i) {
    const absl::Status status = caller.Call([](const registry::Instance& instance) {
      const absl::Status called = Connect(instance.spec.endpoints[0]);
      std::cout << instance.spec.id << " " << called.code() << "\n";
      return called;
    });
    std::cout << "call " << i << " " << status.code() << std::endl;
  }
  return 0;
}
