// A unit test of somebody else, with the registry that is installed for it.
#include <registry/testing/fake_registry.h>

int main() {
  registry::FakeRegistry fake;
  fake.Put("web", "a", "10.0.0.1", 8080);
  auto client = registry::Client::Create(fake.options());
  if (!client.ok()) return 1;
  const auto found = (*client)->Lookup({.service = "web"});
  return found.ok() && found->instances.size() == 1 ? 0 : 1;
}
