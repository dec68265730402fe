// Uses the installed parts that need no network: every header, and a pick.
#include <registry/bulkhead.h>
#include <registry/circuit_breaker.h>
#include <registry/metrics.h>
#include <registry/outlier_ejection.h>
#include <registry/picker.h>
#include <registry/policy.h>
#include <registry/resilient_call.h>
#include <registry/retry.h>
#include <registry/time_source.h>
#include <registry/view.h>

#include <memory>

int main() {
  auto instance = std::make_shared<registry::Instance>();
  instance->spec.service = "web";
  instance->spec.id = "a";
  instance->spec.endpoints = {{.host = "10.0.0.1", .port = 80}};
  instance->health = registry::Health::kPassing;
  registry::ResilientCaller caller;
  caller.picker().SetView(std::make_shared<const registry::View>(
      registry::View{.revision = 1, .instances = {instance}}));
  return caller.Call([](const registry::Instance&) { return absl::OkStatus(); }).ok() ? 0 : 1;
}
