// Lookups: sizes, filters, consistencies, batches.
#include <algorithm>
#include <memory>
#include <sstream>

#include "etcd.pb.h"
#include "registry/v1/discovery.pb.h"
#include "tests/bench/bench.h"

namespace registryd::bench {
namespace {

using namespace registry::v1;  // NOLINT: the messages of the workloads

std::string Sized(size_t instances) { return "n" + std::to_string(instances); }

std::string EtcdRange(const std::string& service, bool serializable) {
  etcd::RangeRequest range;
  range.set_key("/" + service + "/");
  range.set_range_end("/" + service + "0");
  range.set_serializable(serializable);
  return range.SerializeAsString();
}

class LookupBench {
 public:
  explicit LookupBench(Bench& bench) : bench_(bench) {}

  void Fill() {
    Load load(bench_.registryd().address, 1);
    for (size_t n : {1, 10, 20, 100, 1'000}) {
      load.Call(kRegister, RegisterMessage(Sized(n), 1, n));
    }
    for (uint64_t n = 0; n < wide(); n += 1'000) {
      load.Call(kRegister, RegisterMessage("wide", n, 1'000));
    }
    if (const Server* etcd = bench_.etcd()) {
      Load puts(etcd->address, 1);
      for (size_t n : {1, 10, 100, 1'000}) {
        for (uint64_t i = 1; i <= n; ++i) {
          etcd::PutRequest put;
          put.set_key("/" + Sized(n) + "/" + InstanceId(i));
          put.set_value(SpecValue(Sized(n), i));
          puts.Call(kEtcdPut, put.SerializeAsString());
        }
      }
    }
    if (const Server* zookeeper = bench_.zookeeper()) {
      ZooKeeperLoad creates(zookeeper->address, 1);
      if (!creates.Connected()) return;
      for (uint64_t i = 0; i < 10; ++i) {
        creates.Create("/ten-" + std::to_string(i), SpecValue(Sized(10), i));
      }
    }
  }

  // The plain question, beside everybody.
  void Plain(size_t instances, size_t outstanding) {
    LookupRequest request;
    request.set_service(Sized(instances));
    std::vector<Side> sides = Pair(request, outstanding);
    if (const Server* etcd = bench_.etcd()) {
      sides.push_back(Unary(etcd, kEtcdRange, EtcdRange(Sized(instances), true), outstanding));
    }
    if (const Server* zookeeper = instances == 10 ? bench_.zookeeper() : nullptr) {
      sides.push_back({zookeeper, [zookeeper, outstanding](double seconds) {
                         ZooKeeperLoad load(zookeeper->address, 4);
                         if (!load.Connected()) return Measured();
                         return load.GetMany({.outstanding = outstanding}, "/ten-", 10, seconds);
                       }});
    }
    bench_.Compare(Text("lookup of ", instances, ", ", outstanding, " outstanding"), sides);
  }

  // A rate that everybody can hold: what a caller sees.
  void AtRate(double rate) {
    LookupRequest request;
    request.set_service(Sized(10));
    std::vector<Side> sides = Pair(request, 1'000, rate);
    if (const Server* etcd = bench_.etcd()) {
      sides.push_back(Unary(etcd, kEtcdRange, EtcdRange(Sized(10), true), 1'000, rate));
    }
    bench_.Compare(Text("lookup of 10, open loop at ", static_cast<int>(rate), " per s"), sides);
  }

  void Consistencies() {
    LookupRequest request;
    request.set_service(Sized(10));
    request.mutable_read()->set_consistency(CONSISTENCY_LINEARIZABLE);
    std::vector<Side> sides = Pair(request, 64);
    if (const Server* etcd = bench_.etcd()) {
      sides.push_back(Unary(etcd, kEtcdRange, EtcdRange(Sized(10), false), 64));
    }
    bench_.Compare("linearizable lookup of 10, 64 outstanding", sides);
    request.mutable_read()->set_consistency(CONSISTENCY_LOCAL);
    request.mutable_read()->set_min_revision(1);
    bench_.Compare("lookup of 10 at least at a revision, 64 outstanding", Pair(request, 64));
  }

  void Filtered() {
    LookupRequest twenty;
    twenty.set_service(Sized(20));
    bench_.Compare("lookup of 20, 16 outstanding", Pair(twenty, 16));
    LookupRequest filtered;
    filtered.set_service("wide");
    filtered.set_selector("canary=yes");
    bench_.Compare(Text("lookup of ", wide() / 1'000, " of ", wide(), " by label, 16 outstanding"),
                   Pair(filtered, 16));
    LookupRequest zone;
    zone.set_service(Sized(100));
    zone.set_zone("eu-1a");
    zone.set_limit(10);
    bench_.Compare("lookup of the first 10 of 100 of a zone, 64 outstanding", Pair(zone, 64));
  }

  void Batch() {
    BatchLookupRequest request;
    for (size_t i = 0; i < 100; ++i) request.add_lookups()->set_service(Sized(10));
    const std::string bytes = request.SerializeAsString();
    const size_t size = Load(bench_.registryd().address, 1).Call(kBatchLookup, bytes).size();
    const Server& nothing = bench_.Nothing({{"lookup", size}});
    std::vector<Side> sides = {Unary(&nothing, kLookup, bytes, 16),
                               Unary(&bench_.registryd(), kBatchLookup, bytes, 16)};
    for (Side& side : sides) side.items = 100;
    bench_.Compare("batch lookup of 100 services of 10, 16 outstanding (services)", sides);
  }

 private:
  uint64_t wide() const { return bench_.options().smoke ? 2'000 : 20'000; }

  template <class... Parts>
  static std::string Text(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
  }
  static Side Unary(const Server* server, const char* method, const std::string& bytes,
                    size_t outstanding, double rate = 0) {
    // Connections stay open over the rounds, as those of real clients do.
    auto load = std::make_shared<Load>(server->address, outstanding == 1 ? 1 : 4);
    return {server, [=](double seconds) {
              return load->Unary({.method = method,
                                  .request = [&bytes](uint64_t) { return bytes; },
                                  .shape = {.outstanding = outstanding, .rate = rate}},
                                 seconds);
            }};
  }
  // The do-nothing server with as many bytes, and registryd.
  std::vector<Side> Pair(const LookupRequest& request, size_t outstanding, double rate = 0) {
    const std::string bytes = request.SerializeAsString();
    const size_t size = Load(bench_.registryd().address, 1).Call(kLookup, bytes).size();
    return {Unary(&bench_.Nothing({{"lookup", size}}), kLookup, bytes, outstanding, rate),
            Unary(&bench_.registryd(), kLookup, bytes, outstanding, rate)};
  }

  Bench& bench_;
};

}  // namespace

void Lookups(Bench& bench) {
  LookupBench lookups(bench);
  lookups.Fill();
  lookups.Plain(10, 1);
  for (size_t instances : {1, 10, 100, 1'000}) lookups.Plain(instances, 64);
  lookups.AtRate(bench.options().smoke ? 200 : 5'000);
  lookups.Consistencies();
  lookups.Filtered();
  lookups.Batch();
}

}  // namespace registryd::bench
