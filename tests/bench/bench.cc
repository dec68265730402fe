#include "tests/bench/bench.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "registry/v1/discovery.pb.h"
#include "registry/v1/registration.pb.h"
#include "tests/support/cluster.h"

namespace registryd::bench {

using registry::v1::InstanceSpec;
using registry::v1::RegisterRequest;

struct Bench::Running {
  std::unique_ptr<testing::Daemon> daemon;
  Server registryd;
  std::unique_ptr<testing::Cluster> cluster;
  Server registryd3;
  std::string follower;
  std::unique_ptr<DoNothing> nothing;
  std::map<size_t, std::unique_ptr<Etcd>> etcd;
  std::map<size_t, std::unique_ptr<ZooKeeper>> zookeeper;
};

Bench::Bench(Options options)
    : options_(std::move(options)), running_(std::make_unique<Running>()) {}
Bench::~Bench() = default;

void Bench::Compare(const std::string& workload, const std::vector<Side>& sides) {
  std::vector<Row> rows(sides.size());
  std::vector<std::vector<double>> p50(sides.size());
  std::vector<std::vector<double>> p99(sides.size());
  std::vector<std::vector<double>> p999(sides.size());
  std::vector<std::vector<double>> cpu(sides.size());
  std::fprintf(stderr, "%s ", workload.c_str());
  for (int round = -1; round < options_.rounds; ++round) {
    for (size_t i = 0; i < sides.size(); ++i) {
      const Side& side = sides[i];
      const double before = CpuSeconds(*side.server);
      const Measured m = side.run(round < 0 ? options_.seconds / 4 : options_.seconds);
      if (m.errors != 0 || m.per_second == 0) {
        std::fprintf(stderr, "\nbench: %s: %lu calls failed on %s, first: %s\n", workload.c_str(),
                     static_cast<unsigned long>(m.errors), side.server->name.c_str(),
                     m.first_error.c_str());
        // A peer that refuses some of a load is measured by what it did; ours must do it all.
        if (m.per_second == 0 || !side.peer) std::exit(1);
      }
      if (round < 0) continue;
      rows[i].values.push_back(m.per_second * side.items);
      p50[i].push_back(m.p50_us);
      p99[i].push_back(m.p99_us);
      p999[i].push_back(m.p999_us);
      cpu[i].push_back((CpuSeconds(*side.server) - before) * 1e6 /
                       (static_cast<double>(m.operations) * side.items));
    }
    std::fputc('.', stderr);
  }
  std::fputc('\n', stderr);
  for (size_t i = 0; i < sides.size(); ++i) {
    rows[i].workload = workload;
    rows[i].server = sides[i].server->name;
    rows[i].p50_us = Median(p50[i]);
    rows[i].p99_us = Median(p99[i]);
    rows[i].p999_us = Median(p999[i]);
    rows[i].cpu_us_per_op = Median(cpu[i]);
    report_.Add(std::move(rows[i]));
  }
}

const Server& Bench::registryd() {
  Running& running = *running_;
  if (running.daemon == nullptr) {
    running.daemon =
        std::make_unique<testing::Daemon>(dir() + "/registryd" + std::to_string(started_++),
                                          std::vector<std::string>{"--disk-reserve", "16MiB"});
    if (!running.daemon->Start()) {
      std::fprintf(stderr, "bench: registryd does not start:\n%s\n", running.daemon->Log().c_str());
      std::exit(1);
    }
    running.registryd = {"registryd", running.daemon->address(), {running.daemon->pid()}};
  }
  return running.registryd;
}

const Server& Bench::registryd3() {
  Running& running = *running_;
  if (running.cluster == nullptr) {
    running.cluster =
        std::make_unique<testing::Cluster>(3, std::vector<std::string>{"--disk-reserve", "16MiB"});
    std::optional<size_t> leader;
    if (running.cluster->Start()) leader = running.cluster->WaitForLeader();
    if (!leader) {
      std::fprintf(stderr, "bench: three members do not start:\n%s\n",
                   running.cluster->Log().c_str());
      std::exit(1);
    }
    running.registryd3.name = "registryd x3";
    running.registryd3.address = running.cluster->api(*leader);
    running.follower = running.cluster->api((*leader + 1) % 3);
    for (size_t i = 0; i < 3; ++i) running.registryd3.pids.push_back((*running.cluster)[i].pid());
  }
  return running.registryd3;
}

Server Bench::FollowerOfRegistryd3() {
  Server server = registryd3();
  server.name = "by a follower";
  server.address = running_->follower;
  return server;
}

const Server* Bench::etcd(size_t members) {
  if (!options_.peers) return nullptr;
  auto& etcd = running_->etcd[members];
  if (etcd == nullptr) {
    etcd = std::make_unique<Etcd>(dir() + "/etcd" + std::to_string(started_++), members);
    if (!etcd->Start()) {
      std::fprintf(stderr, "bench: etcd is not installed, or does not start\n");
      std::exit(1);
    }
  }
  return &etcd->server();
}

const Server* Bench::zookeeper(size_t members) {
  if (!options_.peers || !ZooKeeperLoad::Built()) return nullptr;
  auto& zookeeper = running_->zookeeper[members];
  if (zookeeper == nullptr) {
    zookeeper =
        std::make_unique<ZooKeeper>(dir() + "/zookeeper" + std::to_string(started_++), members);
    if (!zookeeper->Start()) {
      std::fprintf(stderr, "bench: ZooKeeper is not installed, or does not start\n");
      std::exit(1);
    }
  }
  return &zookeeper->server();
}

const Server& Bench::Nothing(const std::map<std::string, size_t>& sizes) {
  running_->nothing = std::make_unique<DoNothing>();
  if (!running_->nothing->Start(dir() + "/nothing" + std::to_string(started_++), sizes)) {
    std::fprintf(stderr, "bench: the do-nothing server does not start\n");
    std::exit(1);
  }
  return running_->nothing->server();
}

void Bench::StopServers() { running_ = std::make_unique<Running>(); }

std::string InstanceId(uint64_t n) { return "i-" + std::to_string(n); }

namespace {

void FillSpec(const std::string& service, uint64_t n, size_t data_bytes, InstanceSpec* spec) {
  spec->set_service(service);
  spec->set_id(InstanceId(n));
  spec->set_version("1.4.2");
  spec->set_zone("eu-1a");
  auto* endpoint = spec->add_endpoints();
  endpoint->set_name("http");
  endpoint->set_host("10.20." + std::to_string(n / 250 % 250) + "." + std::to_string(n % 250 + 1));
  endpoint->set_port(8080);
  endpoint->set_protocol("http");
  auto& labels = *spec->mutable_labels();
  labels["env"] = "production";
  labels["team"] = "payments";
  if (n % 1'000 == 0) labels["canary"] = "yes";
  // What is still missing goes into one more label.
  const size_t size = spec->ByteSizeLong();
  if (data_bytes > size + 10) {
    std::string text = std::to_string(n);
    text.resize(data_bytes - size - 10, 'x');
    labels["note"] = text;
  }
}

}  // namespace

std::string RegisterMessage(const std::string& service, uint64_t first, size_t count,
                            uint64_t lease, size_t data_bytes) {
  RegisterRequest request;
  for (uint64_t i = 0; i < count; ++i) {
    FillSpec(service, first + i, data_bytes, request.add_instances());
  }
  if (lease != 0) {
    request.mutable_lease()->set_lease_id(lease);
    request.mutable_lease()->set_ttl_ms(3'600'000);
  }
  return request.SerializeAsString();
}

Measured LookupsAt(Load& load, double per_second, double seconds,
                   const std::function<std::string(uint64_t n)>& service) {
  return load.Unary({.method = kLookup,
                     .request =
                         [&service](uint64_t n) {
                           registry::v1::LookupRequest request;
                           request.set_service(service(n));
                           return request.SerializeAsString();
                         },
                     .shape = {.outstanding = 256, .rate = per_second}},
                    seconds);
}

Seen ReadWatch(std::string_view message) {
  registry::v1::WatchResponse response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) return {};
  Seen seen;
  const auto read = [&seen](const registry::v1::WatchResponse& event) {
    if (event.snapshot().last()) ++seen.pictures;
    for (const registry::v1::Instance& instance : event.changes().changed()) {
      seen.newest = std::max<uint64_t>(seen.newest, instance.spec().weight());
    }
  };
  read(response);
  for (const auto& more : response.also()) read(more);
  return seen;
}

std::string SpecValue(const std::string& service, uint64_t n) {
  InstanceSpec spec;
  FillSpec(service, n, 0, &spec);
  return spec.SerializeAsString();
}

}  // namespace registryd::bench
