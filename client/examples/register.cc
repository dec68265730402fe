// Registers one instance and keeps it registered until SIGINT or SIGTERM:
//
//   REGISTRY_SERVER=127.0.0.1:7400 example_register web 10.0.0.7 8080
#include <signal.h>

#include <cstdlib>
#include <iostream>

#include "registry/client.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: " << argv[0] << " SERVICE HOST PORT\n";
    return 2;
  }
  // Before the first thread, so that no thread takes the signals away from sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);

  auto client = registry::Client::Create();
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  registry::InstanceSpec spec;
  spec.service = argv[1];
  spec.endpoints = {
      {.host = argv[2], .port = static_cast<uint32_t>(std::strtoul(argv[3], nullptr, 10))}};
  registry::RegistrationOptions options;
  options.on_event = [](const registry::RegistrationEvent& event) {
    std::cerr << registry::ToString(event.kind) << " " << event.status << std::endl;
  };
  auto registration = (*client)->KeepRegistered({spec}, options);
  if (!registration.ok()) {
    std::cerr << registration.status() << "\n";
    return 1;
  }
  std::cout << "registered " << (*registration)->specs()[0].id << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  const absl::Status gone = (*registration)->Deregister();
  std::cout << "deregistered " << gone << std::endl;
  return gone.ok() ? 0 : 1;
}
