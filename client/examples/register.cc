// Registers one instance and keeps it registered until SIGINT or SIGTERM, then takes it out without
// a failed call:
//
//   REGISTRY_SERVER=127.0.0.1:7400 example_register web 10.0.0.7 8080
#include <cstdlib>
#include <iostream>

#include "client/examples/stop_signal.h"
#include "registry/client.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: " << argv[0] << " SERVICE HOST PORT\n";
    return 2;
  }
  const StopSignal stop;

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

  stop.Wait();
  // Nobody who watches calls us any more when it returns OK; the calls under way can be finished.
  const absl::Status drained = (*registration)->Drain(absl::Seconds(5), "stopping");
  std::cout << "drained " << drained << std::endl;
  const absl::Status gone = (*registration)->Deregister();
  std::cout << "deregistered " << gone << std::endl;
  return gone.ok() ? 0 : 1;
}
