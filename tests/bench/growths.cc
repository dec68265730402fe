// What grows with the number of instances: memory, and the time until a restarted server answers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "etcd.pb.h"
#include "registry/v1/discovery.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/recorder.h"

namespace registryd::bench {
namespace {

constexpr size_t kDataBytes = 300;  // of an instance's spec
constexpr size_t kPerLease = 10;    // instances of one call and one lease
constexpr uint64_t kServices = 1'000;
using registry::v1::LookupRequest;
using registry::v1::LookupResponse;

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

// Calls made one by one from 64 slots until `count` are done; aborts on an error.
void Fill(const Server& server, const std::string& method, uint64_t count,
          const std::function<std::string(uint64_t)>& request) {
  Load load(server.address, 4);
  const auto begin = SteadyClock::now();
  std::atomic<uint64_t> next{0};
  while (next < count) {
    const Measured m = load.Unary({.method = method,
                                   .request = [&](uint64_t) { return request(next++ % count); },
                                   .shape = {.outstanding = 64}},
                                  0.5);
    if (m.errors != 0) {
      std::fprintf(stderr, "bench: filling %s: %s\n", server.name.c_str(), m.first_error.c_str());
      std::exit(1);
    }
  }
  std::fprintf(stderr, "  filled %s in %.1f s\n", server.name.c_str(), SecondsSince(begin));
}

}  // namespace

void Growths(Bench& bench) {
  Growth restart{"restart", "instances", "seconds until it serves", {}};
  Growth memory{"memory per instance of 300 bytes", "instances", "bytes per instance", {}};
  for (size_t count : {10'000, 100'000, 1'000'000}) {
    if (count > bench.options().largest) break;
    bench.StopServers();
    std::fprintf(stderr, "%zu instances\n", count);
    const double instances = static_cast<double>(count);
    testing::Daemon daemon(bench.dir() + "/growth" + std::to_string(count),
                           {"--disk-reserve", "16MiB"});
    if (!daemon.Start()) {
      std::fprintf(stderr, "bench: registryd does not start:\n%s\n", daemon.Log().c_str());
      std::exit(1);
    }
    Server server{"registryd", daemon.address(), {daemon.pid()}};
    const double empty = ResidentBytes(server);
    Fill(server, kRegister, count / kPerLease, [](uint64_t n) {
      return RegisterMessage("s-" + std::to_string(n % kServices), n * kPerLease, kPerLease, 1 + n,
                             kDataBytes);
    });
    memory.series["registryd, after the registrations"].push_back(
        {instances, ResidentBytes(server) / instances});
    if (daemon.Stop() != 0) std::exit(1);
    const auto begin = SteadyClock::now();
    if (!daemon.Start()) {
      std::fprintf(stderr, "bench: registryd does not restart:\n%s\n", daemon.Log().c_str());
      std::exit(1);
    }
    LookupRequest lookup;
    lookup.set_service("s-1");
    LookupResponse answer;
    server = {"registryd", daemon.address(), {daemon.pid()}};
    answer.ParseFromString(Load(server.address, 1).Call(kLookup, lookup.SerializeAsString()));
    restart.series["registryd"].push_back({instances, SecondsSince(begin)});
    if (answer.total() != count / kServices) {
      std::fprintf(stderr, "bench: %u instances after the restart\n", answer.total());
      std::exit(1);
    }
    memory.series["registryd, after a restart"].push_back(
        {instances, ResidentBytes(server) / instances});
    memory.series["registryd, after a restart, without what it takes empty"].push_back(
        {instances, (ResidentBytes(server) - empty) / instances});
    if (daemon.Stop() != 0) std::exit(1);
    if (const Server* etcd = bench.etcd()) {
      Fill(*etcd, kEtcdTxn, count / 100, [](uint64_t n) {
        etcd::TxnRequest txn;
        for (uint64_t i = n * 100; i < n * 100 + 100; ++i) {
          auto* put = txn.add_success()->mutable_request_put();
          put->set_key("/s-" + std::to_string(i % kServices) + "/" + InstanceId(i));
          put->set_value(std::string(kDataBytes, static_cast<char>('a' + i % 26)));
        }
        return txn.SerializeAsString();
      });
      memory.series["etcd"].push_back({instances, ResidentBytes(*etcd) / instances});
    }
  }
  bench.StopServers();
  bench.report().Add(std::move(restart));
  bench.report().Add(std::move(memory));
}

}  // namespace registryd::bench
