// A service instance as its author would write it: registers through the client library and serves
// until killed.
//
//   instance_process --server 127.0.0.1:7400 --service web --id i-1 --ttl-ms 2000 --ready-file FILE
//
// Each event of its registration goes to standard error. SIGTERM deregisters and ends it with
// status 0.

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "registry/client.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "instance_process: %s\n", status.ToString().c_str());
  return 1;
}

int Run(std::map<std::string, std::string> arguments) {
  registry::ClientOptions client_options;
  client_options.servers = {arguments["--server"]};
  client_options.name = "instance_process";
  auto client = registry::Client::Create(client_options);
  if (!client.ok()) return Fail(client.status());

  registry::InstanceSpec spec;
  spec.service = arguments["--service"];
  spec.id = arguments["--id"];
  registry::Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = 8080;
  spec.endpoints = {endpoint};
  registry::RegistrationOptions options;
  options.ttl = absl::Milliseconds(std::stoll(arguments["--ttl-ms"]));
  options.on_event = [](const registry::RegistrationEvent& event) {
    std::fprintf(stderr, "event %s %s\n", registry::ToString(event.kind),
                 event.status.ToString().c_str());
  };
  auto registration = (*client)->KeepRegistered({spec}, options);
  if (!registration.ok()) return Fail(registration.status());

  const std::string ready = arguments["--ready-file"];
  std::ofstream(ready + ".new") << "incarnation="
                                << (*registration)->status().instances[0].incarnation << "\n";
  std::filesystem::rename(ready + ".new", ready);

  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  int signal = 0;
  sigwait(&stop, &signal);
  const absl::Status gone = (*registration)->Deregister();
  return gone.ok() ? 0 : Fail(gone);
}

}  // namespace

int main(int argc, char** argv) {
  // Blocked before the client makes threads, so that sigwait gets it.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  std::map<std::string, std::string> arguments;
  for (int i = 1; i + 1 < argc; i += 2) arguments[argv[i]] = argv[i + 1];
  return Run(arguments);
}
