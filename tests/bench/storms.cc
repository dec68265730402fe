// Many changes to many watchers: 100 a second, and a rolling restart. How stale are the pictures?
#include <algorithm>
#include <sstream>

#include "etcd.pb.h"
#include "registry/v1/discovery.pb.h"
#include "registry/v1/registration.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/storm.h"

namespace registryd::bench {
namespace {

using namespace registry::v1;  // NOLINT: the messages of the workloads

constexpr size_t kDigits = 10;  // of a change's number at the beginning of etcd's values

Seen ReadEtcds(std::string_view message) {
  etcd::WatchResponse response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) return {};
  Seen seen{.pictures = 1};
  for (const etcd::Event& event : response.events()) {
    const std::string& value = event.kv().value();
    if (value.size() > kDigits) {
      seen.newest = std::max<uint64_t>(seen.newest, std::stoull(value.substr(0, kDigits)));
    }
  }
  return seen;
}

struct Storm {
  std::string service;
  size_t instances;
  size_t streams;
  double rate;
  double seconds_least = 0;
  bool restart = false;  // each change takes the instance out before
};

size_t Channels(size_t streams) { return std::min<size_t>(20, (streams + 499) / 50); }

Side Ours(const Server* server, const Storm& storm) {
  StormLoad load;
  load.watch_method = "/registry.v1.Discovery/Watch";
  load.streams = storm.streams;
  load.channels = Channels(storm.streams);
  load.rate = storm.rate;
  registry::v1::WatchRequest subscribe;
  subscribe.mutable_subscribe()->set_subscription(1);
  subscribe.mutable_subscribe()->set_service(storm.service);
  load.subscribe = [bytes = subscribe.SerializeAsString()](size_t) {
    return std::vector<std::string>{bytes};
  };
  load.read = ReadWatch;
  load.change = [storm](uint64_t number) {
    const uint64_t n = number % storm.instances;
    std::vector<StormChange> calls;
    if (!storm.restart) {
      UpdateRequest update;
      update.mutable_instance()->set_service(storm.service);
      update.mutable_instance()->set_id(InstanceId(n));
      update.set_weight(static_cast<uint32_t>(number));
      return std::vector<StormChange>{{kUpdate, update.SerializeAsString()}};
    }
    DeregisterRequest leave;
    leave.add_instances()->set_service(storm.service);
    leave.mutable_instances(0)->set_id(InstanceId(n));
    RegisterRequest come;
    come.ParseFromString(RegisterMessage(storm.service, n, 1));
    come.mutable_instances(0)->set_weight(static_cast<uint32_t>(number));
    return std::vector<StormChange>{{kDeregister, leave.SerializeAsString()},
                                    {kRegister, come.SerializeAsString()}};
  };
  return {server, [=](double seconds) {
            return RunStorm(server->address, load, std::max(seconds, storm.seconds_least));
          }};
}

Side Etcds(const Server* server, const Storm& storm) {
  StormLoad load;
  load.watch_method = kEtcdWatch;
  load.streams = storm.streams;
  load.channels = Channels(storm.streams);
  load.rate = storm.rate;
  etcd::WatchRequest subscribe;
  subscribe.mutable_create_request()->set_key("/" + storm.service + "/");
  subscribe.mutable_create_request()->set_range_end("/" + storm.service + "0");
  load.subscribe = [bytes = subscribe.SerializeAsString()](size_t) {
    return std::vector<std::string>{bytes};
  };
  load.read = ReadEtcds;
  load.change = [storm](uint64_t number) {
    const uint64_t n = number % storm.instances;
    const std::string digits = std::to_string(number);
    etcd::PutRequest put;
    put.set_key("/" + storm.service + "/" + InstanceId(n));
    put.set_value(std::string(kDigits - digits.size(), '0') + digits + SpecValue(storm.service, n));
    std::vector<StormChange> calls;
    if (storm.restart) {
      etcd::DeleteRangeRequest leave;
      leave.set_key(put.key());
      calls.push_back({kEtcdDelete, leave.SerializeAsString()});
    }
    calls.push_back({kEtcdPut, put.SerializeAsString()});
    return calls;
  };
  return {server,
          [=](double seconds) {
            return RunStorm(server->address, load, std::max(seconds, storm.seconds_least));
          },
          1, true};
}

void Run(Bench& bench, const std::string& name, const Storm& storm) {
  Load load(bench.registryd().address, 1);
  for (size_t n = 0; n < storm.instances; n += 100) {
    load.Call(kRegister,
              RegisterMessage(storm.service, n, std::min<size_t>(100, storm.instances - n)));
  }
  std::vector<Side> sides = {Ours(&bench.registryd(), storm)};
  if (const Server* etcd = bench.etcd()) sides.push_back(Etcds(etcd, storm));
  bench.Compare(name, sides);
}

}  // namespace

void Storms(Bench& bench) {
  const bool smoke = bench.options().smoke;
  for (size_t streams : {size_t{100}, size_t{1'000}, size_t{10'000}}) {
    if (smoke && streams > 100) break;
    std::ostringstream name;
    name << "100 changes a second to " << streams << " watchers (changes seen)";
    Run(bench, name.str(), {"stormy", 100, streams, 100});
  }
  // Each instance goes and comes back within the round.
  const size_t instances = smoke ? 20 : 1'000;
  std::ostringstream name;
  name << "rolling restart of " << instances << " instances, 1,000 watchers (returns seen)";
  Run(bench, name.str(),
      {"rolling", instances, smoke ? size_t{50} : size_t{1'000}, 200,
       static_cast<double>(instances) / 200, true});
}

}  // namespace registryd::bench
