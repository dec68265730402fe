// Uses the installed headers and libraries: every one is included, and a call goes through gRPC to
// a port where nobody listens.
#include <registry/admin.h>
#include <registry/client.h>
#include <registry/grpc/registered_server.h>
#include <registry/grpc/service_channels.h>
#include <registry/registration.h>
#include <registry/subscription.h>
#include <registry/types.h>

#include <iostream>

int main() {
  registry::ClientOptions options{.servers = {"127.0.0.1:1"}, .timeout = absl::Milliseconds(100)};
  auto client = registry::Client::Create(options);
  auto admin = registry::Admin::Create(options);
  if (!client.ok() || !admin.ok()) return 1;
  const absl::Status lookup = (*client)->Lookup({.service = "web"}).status();
  const absl::Status status = (*admin)->Status().status();
  const absl::Status keep =
      (*client)
          ->KeepRegistered({{.service = "web", .endpoints = {{.host = "::1", .port = 80}}}})
          .status();
  auto web = (*client)->Subscribe({.service = "web"});
  if (!web.ok()) return 1;
  registry::ServiceChannels channels(**web);
  if (channels.picker().Pick()) return 1;
  std::cout << lookup << "\n" << status << "\n" << keep << "\n";
  return absl::IsUnavailable(lookup) && absl::IsUnavailable(status) && absl::IsUnavailable(keep)
             ? 0
             : 1;
}
