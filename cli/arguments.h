// What people write on the command line, turned into values. Only the form is judged here; what a
// name or a version may contain is the registry's to say.
//
//   absl::StatusOr<ServiceName> name = ParseServiceName("shop/web", "default");
//   if (!name.ok()) return session.console().Usage(name.status());
//   // name->ns == "shop", name->service == "web"
//
// Errors: InvalidArgument, whose message is "<what is wrong>: <what to write instead>".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/types.h"

namespace registry::cli {

// An error of a flag's value, with the flag named: "--weight \"x\" is ...".
absl::Status WrongFlag(const char* flag, const absl::Status& status);

// "web" or "shop/web".
struct ServiceName {
  std::string ns;
  std::string service;
};
absl::StatusOr<ServiceName> ParseServiceName(const std::string& text,
                                             const std::string& default_ns);

// "web/i-1" or "shop/web/i-1".
absl::StatusOr<InstanceRef> ParseInstanceName(const std::string& text,
                                              const std::string& default_ns);
// The inverse; the namespace is left out where it is "default".
std::string InstanceName(const InstanceRef& instance);
std::string InstanceName(const InstanceSpec& spec);

// [NAME[/PROTOCOL]=]HOST:PORT, for example "10.0.0.1:80", "http=10.0.0.1:80", "api/grpc=[::1]:90".
// The name is "default" where none is written.
absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text);
// The inverse.
std::string EndpointText(const Endpoint& endpoint);
// "10.0.0.1:80"; brackets around a host with colons: "[::1]:90".
std::string Address(const Endpoint& endpoint);

// One endpoint for each text; a name may stand only once.
absl::StatusOr<std::vector<Endpoint>> ParseEndpoints(const std::vector<std::string>& texts);

// KEY=VALUE each; the value may be empty and may contain '='. A key may stand only once.
absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::vector<std::string>& texts);

// "5s", "500ms", "1m30s"; positive and finite.
absl::StatusOr<absl::Duration> ParsePositiveDuration(const std::string& text);

// Decimal digits only, from `min` to `max`.
absl::StatusOr<uint64_t> ParseNumber(const std::string& text, uint64_t min, uint64_t max);

// The values of --health, which may be repeated and hold several states with commas. Empty: no
// filter.
absl::StatusOr<std::vector<Health>> ParseHealthFilter(const std::vector<std::string>& texts);

}  // namespace registry::cli
