// Prints the instances of a service, then every change, until SIGINT or SIGTERM:
//
//   REGISTRY_SERVER=127.0.0.1:7400 example_watch web
#include <iostream>

#include "client/examples/stop_signal.h"
#include "registry/client.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " SERVICE\n";
    return 2;
  }
  const StopSignal stop;

  auto client = registry::Client::Create();
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  registry::SubscriptionOptions options;
  options.on_change = [](const registry::ViewChange& change) {
    for (const auto& instance : change.changed) {
      std::cout << "+ " << instance->spec.id << " " << registry::ToString(instance->health) << "\n";
    }
    for (const auto& instance : change.gone) std::cout << "- " << instance->spec.id << "\n";
    std::cout << "= " << change.view->instances.size() << " at revision " << change.view->revision
              << std::endl;
  };
  auto subscription = (*client)->Subscribe({.service = argv[1]}, options);
  if (!subscription.ok()) {
    std::cerr << subscription.status() << "\n";
    return 1;
  }
  stop.Wait();
  return 0;
}
