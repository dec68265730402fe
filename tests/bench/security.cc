// What TLS, certificates and tokens cost, beside plain text: the same program, the same calls, in
// alternation. A certificate is looked at once a connection, a token with each call.
#include <grpcpp/create_channel.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "registry/v1/discovery.pb.h"
#include "tests/bench/bench.h"
#include "tests/support/secured_daemon.h"

namespace registryd::bench {
namespace {

using testing::ClientFiles;
using testing::SecuredDaemon;
using Credentials = std::shared_ptr<grpc::ChannelCredentials>;

constexpr char kService[] = "priced";
constexpr uint64_t kOwnLease = 4712;

class BearerToken final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit BearerToken(const std::string& token) : header_("Bearer " + token) {}
  bool IsBlocking() const override { return false; }
  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<grpc::string, grpc::string>* metadata) override {
    metadata->emplace("authorization", header_);
    return grpc::Status::OK;
  }

 private:
  const std::string header_;
};

std::string LookupMessage() {
  registry::v1::LookupRequest request;
  request.set_service(kService);
  return request.SerializeAsString();
}

// One way to call: a server, and what is shown to it.
struct Way {
  Server server;
  Credentials credentials;
};

Side Calls(const Way& way, const char* method, size_t outstanding,
           std::function<std::string(uint64_t)> request) {
  const size_t channels = std::max<size_t>(1, std::min<size_t>(8, outstanding / 16));
  auto load = std::make_shared<Load>(way.server.address, channels, way.credentials);
  return {&way.server, [=](double seconds) {
            return load->Unary(
                {.method = method, .request = request, .shape = {.outstanding = outstanding}},
                seconds);
          }};
}

// Each call on a connection of its own, made and closed by a thread of its own: the handshake is part
// of it.
Side Connections(const Way& way, size_t outstanding) {
  return {
      &way.server, [&way, outstanding](double seconds) {
        return Drive({.outstanding = outstanding}, seconds, [&way](size_t, uint64_t, Done done) {
          std::thread([&way, done = std::move(done)] {
            grpc::Status status = testing::CallLookup(
                testing::FreshChannel(way.server.address, way.credentials), "default", kService);
            done(status.ok() ? std::string() : status.error_message() + ".");
          }).detach();
        });
      }};
}

}  // namespace

void Security(Bench& bench) {
  SecuredDaemon secured({"--disk-reserve", "16MiB"});
  if (!secured.Start()) {
    std::fprintf(stderr, "bench: a secured registryd does not start:\n%s\n",
                 secured.daemon().Log().c_str());
    std::exit(1);
  }
  const std::vector<pid_t> pids = {secured.daemon().pid()};
  const ClientFiles bare = secured.Files("");
  const Way ways[] = {
      {{"plain text", bench.registryd().address, bench.registryd().pids},
       grpc::InsecureChannelCredentials()},
      {{"certificate", secured.address(), pids},
       testing::WatchingCredentials(secured.Files("ops/admin"))},
      {{"token", secured.address(), pids},
       grpc::CompositeChannelCredentials(
           testing::TlsCredentials(bare),
           grpc::MetadataCredentialsFromPlugin(
               std::make_unique<BearerToken>(secured.Token("admin"))))},
  };
  for (const Way& way : ways) {
    Load(way.server.address, 1, way.credentials)
        .Call(kRegister, RegisterMessage(kService, 1, 10, kOwnLease));
  }
  const auto compare = [&](const std::string& workload, auto side) {
    std::vector<Side> sides;
    for (const Way& way : ways) sides.push_back(side(way));
    bench.Compare(workload, sides);
  };
  const auto lookup = [](uint64_t) { return LookupMessage(); };
  const auto registration = [](uint64_t n) {
    return RegisterMessage("s-" + std::to_string(n % 1'000), n, 1, kOwnLease);
  };
  for (size_t outstanding : {1, 64}) {
    const std::string suffix = ", " + std::to_string(outstanding) + " outstanding";
    compare("lookup of 10 instances" + suffix,
            [&](const Way& way) { return Calls(way, kLookup, outstanding, lookup); });
    compare("registration" + suffix,
            [&](const Way& way) { return Calls(way, kRegister, outstanding, registration); });
  }
  compare("lookup over a new connection, 8 outstanding",
          [](const Way& way) { return Connections(way, 8); });
  bench.StopServers();
}

}  // namespace registryd::bench
