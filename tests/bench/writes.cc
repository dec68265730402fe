// Registrations, one and many per call, and renewals.
#include <algorithm>
#include <memory>
#include <sstream>

#include "etcd.pb.h"
#include "registry/v1/lease.pb.h"
#include "registry/v1/registration.pb.h"
#include "tests/bench/bench.h"

namespace registryd::bench {
namespace {

using namespace registry::v1;  // NOLINT: the messages of the workloads

constexpr uint64_t kServices = 1'000;

std::string ServiceOf(uint64_t n) { return "s-" + std::to_string(n % kServices); }

size_t Channels(size_t outstanding) {
  return std::max<size_t>(1, std::min<size_t>(8, outstanding / 16));
}

Side Register(const Server* server, size_t outstanding,
              std::function<std::string(uint64_t)> request, double items = 1) {
  auto load = std::make_shared<Load>(server->address, Channels(outstanding));
  return {server,
          [=](double seconds) {
            return load->Unary(
                {.method = kRegister, .request = request, .shape = {.outstanding = outstanding}},
                seconds);
          },
          items};
}

Side EtcdPut(const Server* server, size_t outstanding) {
  auto load = std::make_shared<Load>(server->address, Channels(outstanding));
  etcd::LeaseGrantRequest grant;
  grant.set_ttl(3'600);
  // Several, so that none has very many keys.
  std::vector<int64_t> leases;
  for (int i = 0; i < 100; ++i) {
    etcd::LeaseGrantResponse granted;
    granted.ParseFromString(load->Call(kEtcdGrant, grant.SerializeAsString()));
    leases.push_back(granted.id());
  }
  return {server, [=](double seconds) {
            return load->Unary({.method = kEtcdPut,
                                .request =
                                    [leases](uint64_t n) {
                                      etcd::PutRequest put;
                                      put.set_key("/" + ServiceOf(n) + "/" + InstanceId(n));
                                      put.set_value(SpecValue(ServiceOf(n), n));
                                      put.set_lease(leases[n % leases.size()]);
                                      return put.SerializeAsString();
                                    },
                                .shape = {.outstanding = outstanding}},
                               seconds);
          }};
}

Side ZooKeeperCreate(const Server* server, size_t outstanding) {
  auto load = std::make_shared<ZooKeeperLoad>(server->address, Channels(outstanding));
  if (load->Connected()) {
    for (uint64_t n = 0; n < kServices; ++n) load->Create("/" + ServiceOf(n), "");
  }
  return {server, [=](double seconds) {
            return load->CreateEphemeral(
                {.outstanding = outstanding},
                [](uint64_t n) { return "/" + ServiceOf(n) + "/" + InstanceId(n); },
                SpecValue(ServiceOf(1), 1), seconds);
          }};
}

size_t AnswerSize(Bench& bench, const std::string& request) {
  return Load(bench.registryd().address, 1).Call(kRegister, request).size();
}

void RegistrationsAt(Bench& bench, size_t members, size_t outstanding) {
  const auto one = [](uint64_t n) { return RegisterMessage(ServiceOf(n), n, 1, kLease + n % 100); };
  const Server* registryd = members == 1 ? &bench.registryd() : &bench.registryd3();
  std::vector<Side> sides = {
      Register(&bench.Nothing({{"register", AnswerSize(bench, one(0))}}), outstanding, one),
      Register(registryd, outstanding, one)};
  if (const Server* etcd = bench.etcd(members)) sides.push_back(EtcdPut(etcd, outstanding));
  if (const Server* zookeeper = bench.zookeeper(members)) {
    sides.push_back(ZooKeeperCreate(zookeeper, outstanding));
  }
  for (size_t i = 2; i < sides.size(); ++i) sides[i].peer = true;
  std::ostringstream name;
  name << "durable registration, " << (members == 1 ? "" : "3 members, ") << outstanding
       << " outstanding";
  bench.Compare(name.str(), sides);
}

// What a change costs may not depend on the size of its service.
void IntoLargeService(Bench& bench) {
  Load load(bench.registryd().address, 1);
  const uint64_t large = bench.options().smoke ? 2'000 : 20'000;
  load.Call(kRegister, RegisterMessage("small", 0, 20));
  for (uint64_t n = 0; n < large; n += 1'000)
    load.Call(kRegister, RegisterMessage("large", n, 1'000));
  // The weight changes each time, so each is a change of the service and no new instance.
  const auto changed = [](const std::string& service, uint64_t among) {
    return [=](uint64_t n) {
      UpdateRequest update;
      update.mutable_instance()->set_service(service);
      update.mutable_instance()->set_id(InstanceId(n % among));
      update.set_weight(static_cast<uint32_t>(2 + n / among % 60'000));
      return update.SerializeAsString();
    };
  };
  Server small = bench.registryd();
  small.name = "of 20";
  Server wide = bench.registryd();
  wide.name = "of " + std::to_string(large);
  std::vector<Side> sides;
  for (const auto& [server, service, among] :
       {std::tuple(&small, "small", uint64_t{20}), std::tuple(&wide, "large", large)}) {
    auto slots = std::make_shared<Load>(server->address, 4);
    sides.push_back({server, [=, request = changed(service, among)](double seconds) {
                       return slots->Unary(
                           {.method = kUpdate, .request = request, .shape = {.outstanding = 64}},
                           seconds);
                     }});
  }
  bench.Compare("change in a service, 64 outstanding", sides);
}

// A frame that renews `count` new leases of this registry.
std::string RenewalFrame(const Server& server, uint64_t count) {
  Load load(server.address, 1);
  KeepAliveRequest frame;
  frame.set_frame(1);
  for (uint64_t id = 1; id <= count; ++id) {
    GrantLeaseRequest grant;
    grant.mutable_lease()->set_lease_id(1'000'000 + id);
    grant.mutable_lease()->set_ttl_ms(3'600'000);
    GrantLeaseResponse granted;
    granted.ParseFromString(load.Call(kGrant, grant.SerializeAsString()));
    frame.add_lease_ids(granted.lease().lease_id());
    frame.add_epochs(granted.lease().epoch());
  }
  return frame.SerializeAsString();
}

}  // namespace

void Registrations(Bench& bench) {
  for (size_t members : {1, 3}) {
    for (size_t outstanding : {1, 64, 512, 4096}) RegistrationsAt(bench, members, outstanding);
  }
  IntoLargeService(bench);
}

void Batches(Bench& bench) {
  constexpr size_t kPerCall = 100;
  const auto many = [](uint64_t n) {
    return RegisterMessage("b-" + std::to_string(n % kServices), n * kPerCall, kPerCall,
                           kLease + n);
  };
  bench.Compare(
      "durable registration, 100 a call, 16 outstanding (instances)",
      {Register(&bench.Nothing({{"register", AnswerSize(bench, many(0))}}), 16, many, kPerCall),
       Register(&bench.registryd(), 16, many, kPerCall)});
}

void Renewals(Bench& bench) {
  constexpr size_t kLeases = 1'000;
  KeepAliveResponse renewed;
  renewed.set_frame(1);
  renewed.set_accepted(true);
  renewed.set_next_in_ms(1'200'000);
  const auto side = [&](const Server* server, const std::string& frame) {
    auto streams = std::make_shared<Load>(server->address, 4);
    return Side{
        server,
        [=](double seconds) {
          return streams->Frames(
              {.method = kKeepAlive, .frame = [frame](size_t) { return frame; }, .streams = 4},
              seconds);
        },
        kLeases};
  };
  const std::string frame = RenewalFrame(bench.registryd(), kLeases);
  const Server follower = bench.FollowerOfRegistryd3();
  std::vector<Side> sides = {side(&bench.Nothing({{"keepalive", renewed.ByteSizeLong()}}), frame),
                             side(&bench.registryd(), frame),
                             side(&follower, RenewalFrame(bench.registryd3(), kLeases))};
  if (const Server* etcd = bench.etcd()) {
    auto streams = std::make_shared<Load>(etcd->address, 4);
    std::vector<std::string> keep_alives;
    for (size_t i = 0; i < 256; ++i) {
      etcd::LeaseGrantRequest grant;
      grant.set_ttl(3'600);
      etcd::LeaseGrantResponse granted;
      granted.ParseFromString(streams->Call(kEtcdGrant, grant.SerializeAsString()));
      etcd::LeaseKeepAliveRequest keep;
      keep.set_id(granted.id());
      keep_alives.push_back(keep.SerializeAsString());
    }
    sides.push_back({etcd, [=](double seconds) {
                       return streams->Frames(
                           {.method = kEtcdKeepAlive,
                            .frame = [keep_alives](size_t i) { return keep_alives[i]; },
                            .streams = keep_alives.size()},
                           seconds);
                     }});
  }
  bench.Compare("renewals, 1,000 a frame, 4 streams (leases)", sides);
}

}  // namespace registryd::bench
