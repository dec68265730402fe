// Prints where a service is, one endpoint a line:
//
//   REGISTRY_SERVER=127.0.0.1:7400 example_lookup web
#include <iostream>

#include "registry/client.h"

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
  registry::LookupQuery query;
  query.service = argv[1];
  const auto found = (*client)->Lookup(query);
  if (!found.ok()) {
    std::cerr << found.status() << "\n";
    return 1;
  }
  for (const registry::Instance& instance : found->instances) {
    for (const registry::Endpoint& endpoint : instance.spec.endpoints) {
      std::cout << instance.spec.id << " " << registry::ToString(instance.health) << " "
                << endpoint.name << " " << endpoint.host << " " << endpoint.port << "\n";
    }
  }
  return 0;
}
