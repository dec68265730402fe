// 50,000 of 200,000 leases fall silent at once, spread over 10,000 services so that the guard lets
// them go: how long until all are out, and what lookups and renewals pay meanwhile, beside the same
// with nobody silent.
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <sstream>
#include <string>
#include <tuple>

#include "registry/v1/cluster.pb.h"
#include "registry/v1/discovery.pb.h"
#include "registry/v1/lease.pb.h"
#include "registry/v1/registration.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/recorder.h"

namespace registryd::bench {
namespace {

using namespace registry::v1;  // NOLINT: the messages of the workloads

constexpr char kStatus[] = "/registry.v1.Cluster/Status";
constexpr uint64_t kPerService = 20;  // instances; five of them fall silent, less than a third
constexpr double kLookupsPerSecond = 2'000;
constexpr size_t kFrame = 1'000;

struct Sizes {
  uint64_t leases;
  uint64_t silent;
  int64_t ttl_ms;  // of those that fall silent: longer than their registration takes
};

std::string ServiceOf(uint64_t n, const Sizes& sizes) {
  return "s-" + std::to_string(n % (sizes.leases / kPerService));
}

// Lease n + 1 with instance n. The last ones are those that fall silent.
std::string RegisterOne(uint64_t n, const Sizes& sizes) {
  RegisterRequest request;
  request.ParseFromString(RegisterMessage(ServiceOf(n, sizes), n, 1, n + 1));
  if (n >= sizes.leases - sizes.silent) request.mutable_lease()->set_ttl_ms(sizes.ttl_ms);
  return request.SerializeAsString();
}

// Returns when the last of them was asked for; it is repeated until the loops end, which changes
// nothing.
SteadyClock::time_point Fill(const Server& server, uint64_t from, uint64_t to, const Sizes& sizes) {
  Load load(server.address, 4);
  std::atomic<uint64_t> next{from};
  std::atomic<SteadyClock::time_point> last{SteadyClock::now()};
  while (next < to) {
    const Measured m = load.Unary({.method = kRegister,
                                   .request =
                                       [&](uint64_t) {
                                         const uint64_t n = next++;
                                         if (n + 1 == to) last = SteadyClock::now();
                                         return RegisterOne(std::min(n, to - 1), sizes);
                                       },
                                   .shape = {.outstanding = 256}},
                                  0.5);
    if (m.errors == 0) continue;
    std::fprintf(stderr, "bench: filling: %s\n", m.first_error.c_str());
    std::exit(1);
  }
  return last;
}

// Epochs count from 1 in the order of the grants, which is not that of the leases: asked for by
// name.
std::string FrameOf(Load& load, uint64_t from, uint64_t count, const Sizes& sizes) {
  KeepAliveRequest frame;
  frame.set_frame(1);
  for (uint64_t n = from; n < from + count; ++n) {
    RegisterResponse again;  // the same registration is no change, and says the lease
    again.ParseFromString(load.Call(kRegister, RegisterOne(n, sizes)));
    frame.add_lease_ids(again.lease().lease_id());
    frame.add_epochs(again.lease().epoch());
  }
  return frame.SerializeAsString();
}

uint64_t Leases(Load& load) {
  StatusResponse status;
  status.ParseFromString(load.Call(kStatus, {}));
  return status.leases();
}

// Lookups at a rate and renewals as fast as they go, for so long.
void Meanwhile(Bench& bench, const std::string& when, const std::string& frame, double seconds,
               const Sizes& sizes) {
  const Server& server = bench.registryd();
  Load lookups(server.address, 4);
  Load renewals(server.address, 1);
  auto renewed = std::async(std::launch::async, [&] {
    return renewals.Frames(
        {.method = kKeepAlive, .frame = [&](size_t) { return frame; }, .streams = 1}, seconds);
  });
  const Measured looked = LookupsAt(lookups, kLookupsPerSecond, seconds,
                                    [&sizes](uint64_t n) { return ServiceOf(n * 7'919, sizes); });
  const Measured frames = renewed.get();
  for (const auto& [name, m, items] :
       {std::tuple("lookup at 2,000 per s while leases expire", looked, 1.0),
        std::tuple("renewals while leases expire (leases)", frames, double{kFrame})}) {
    if (m.errors != 0) {
      std::fprintf(stderr, "bench: %s: %s\n", name, m.first_error.c_str());
      std::exit(1);
    }
    bench.report().Add({.workload = name,
                        .server = when,
                        .values = {m.per_second * items},
                        .p50_us = m.p50_us,
                        .p99_us = m.p99_us,
                        .p999_us = m.p999_us});
  }
}

}  // namespace

void Expiries(Bench& bench) {
  const Sizes sizes =
      bench.options().smoke ? Sizes{2'000, 500, 4'000} : Sizes{200'000, 50'000, 30'000};
  bench.StopServers();
  const Server& server = bench.registryd();
  Load load(server.address, 1);
  std::fprintf(stderr, "%lu leases ", static_cast<unsigned long>(sizes.leases));
  Fill(server, 0, sizes.leases - sizes.silent, sizes);
  const std::string frame = FrameOf(load, 0, std::min<uint64_t>(kFrame, sizes.silent), sizes);
  const double seconds = bench.options().smoke ? 0.5 : 10;
  Meanwhile(bench, "nobody is silent", frame, seconds, sizes);

  // Registered and never renewed: each is silent from its registration on.
  const auto last = Fill(server, sizes.leases - sizes.silent, sizes.leases, sizes);
  if (Leases(load) != sizes.leases) {
    std::fprintf(stderr, "bench: some leases have expired before the last one was there\n");
    std::exit(1);
  }
  const auto due = last + std::chrono::milliseconds(sizes.ttl_ms);
  // The load begins shortly before the first one is due, and goes on until the last one is out.
  while (Leases(load) == sizes.leases && SteadyClock::now() < due + std::chrono::seconds(60)) {
    poll(nullptr, 0, 20);
  }
  const auto first_out = SteadyClock::now();
  auto out = std::async(std::launch::async, [&] {
    Load watcher(server.address, 1);
    while (Leases(watcher) > sizes.leases - sizes.silent &&
           SteadyClock::now() < due + std::chrono::seconds(60)) {
      poll(nullptr, 0, 20);
    }
    return SteadyClock::now();
  });
  Meanwhile(bench, "while they expire", frame, seconds, sizes);
  const auto all_out = out.get();
  if (const uint64_t left = Leases(load); left != sizes.leases - sizes.silent) {
    std::fprintf(stderr, "bench: %lu leases are left\n", static_cast<unsigned long>(left));
    std::exit(1);
  }
  const auto since = [&](SteadyClock::time_point begin) {
    return std::max(0.0, std::chrono::duration<double>(all_out - begin).count());
  };
  std::ostringstream name;
  name << sizes.silent << " expiries, from the first one out to the last (seconds)";
  bench.report().Add({.workload = name.str(),
                      .server = "registryd",
                      .unit = "seconds",
                      .values = {since(first_out)}});
  bench.report().Add({.workload = "the last one out, after its ttl (seconds)",
                      .server = "registryd",
                      .unit = "seconds",
                      .values = {since(due)}});
  std::fputc('\n', stderr);
  bench.StopServers();
}

}  // namespace registryd::bench
