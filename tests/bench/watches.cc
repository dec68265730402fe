// Fan-out: one change to many streams, and to many subscriptions on few streams.
#include <memory>
#include <sstream>

#include "etcd.pb.h"
#include "registry/v1/discovery.pb.h"
#include "registry/v1/registration.pb.h"
#include "tests/bench/bench.h"

namespace registryd::bench {
namespace {

using namespace registry::v1;  // NOLINT: the messages of the workloads

// A subscription's number below 128, then the event's tag: a snapshot or changes count, a progress
// beat does not.
size_t IsEvent(std::string_view message) {
  return message.size() > 2 && (message[2] == 0x1a || message[2] == 0x12) ? 1 : 0;
}

// The same for a message of several events.
size_t EventsOf(std::string_view message) {
  WatchResponse response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) return 0;
  const auto counts = [](const WatchResponse& event) {
    return event.has_snapshot() || event.has_changes() ? size_t{1} : size_t{0};
  };
  size_t events = counts(response);
  for (const WatchResponse& more : response.also()) events += counts(more);
  return events;
}

// Connections that so many streams share.
size_t Shared(size_t streams) { return std::min<size_t>(20, (streams + 499) / 50); }

// Changes that are not the same twice, so that each is an event.
std::string NextUpdate(uint64_t) {
  static uint32_t changes = 1;
  UpdateRequest update;
  update.mutable_instance()->set_service("watched");
  update.mutable_instance()->set_id(InstanceId(0));
  update.set_weight(1 + ++changes % 60'000);
  return update.SerializeAsString();
}

// `each`: subscriptions of a stream. `batches`: the client takes several events in a message.
Side Ours(const Server* server, size_t streams, size_t channels, size_t each = 1,
          bool batches = false) {
  registry::v1::WatchRequest hello;
  hello.mutable_hello()->set_batches(true);
  std::vector<std::string> subscriptions;
  for (size_t number = 1; number <= each; ++number) {
    registry::v1::WatchRequest subscribe;
    subscribe.mutable_subscribe()->set_subscription(static_cast<uint32_t>(number));
    subscribe.mutable_subscribe()->set_service("watched");
    subscriptions.push_back(subscribe.SerializeAsString());
  }
  return {server,
          [=](double seconds) {
            return Load(server->address, channels)
                .Watch({.hello = batches ? hello.SerializeAsString() : "",
                        .subscribe = subscriptions,
                        .streams = streams,
                        .counts = batches ? EventsOf : IsEvent,
                        .change_method = kUpdate,
                        .change = NextUpdate},
                       seconds);
          },
          static_cast<double>(streams * each)};
}

Side Etcds(const Server* server, size_t streams, size_t channels) {
  etcd::WatchRequest subscribe;
  subscribe.mutable_create_request()->set_key("/watched/");
  subscribe.mutable_create_request()->set_range_end("/watched0");
  return {server,
          [=, bytes = subscribe.SerializeAsString()](double seconds) {
            return Load(server->address, channels)
                .Watch({.method = kEtcdWatch,
                        .subscribe = {bytes},
                        .streams = streams,
                        .counts = [](std::string_view) { return size_t{1}; },
                        .change_method = kEtcdPut,
                        .change =
                            [](uint64_t n) {
                              etcd::PutRequest put;
                              put.set_key("/watched/" + InstanceId(0));
                              put.set_value(SpecValue("watched", n));
                              return put.SerializeAsString();
                            }},
                       seconds);
          },
          static_cast<double>(streams)};
}

}  // namespace

void Watches(Bench& bench) {
  Load load(bench.registryd().address, 1);
  load.Call(kRegister, RegisterMessage("watched", 0, 1));
  LookupRequest request;
  request.set_service("watched");
  LookupResponse answer;
  answer.ParseFromString(load.Call(kLookup, request.SerializeAsString()));
  // A page: subscription, the changes' tag and length, two revisions, one instance.
  const size_t message = answer.instances(0).ByteSizeLong() + 15;
  const auto compare = [&](const std::string& name, size_t streams, size_t channels) {
    std::vector<Side> sides = {Ours(&bench.Nothing({{"watch", message}}), streams, channels),
                               Ours(&bench.registryd(), streams, channels)};
    if (const Server* etcd = bench.etcd()) sides.push_back(Etcds(etcd, streams, channels));
    bench.Compare(name, sides);
  };
  for (size_t streams : {size_t{1}, size_t{100}, size_t{1'000}, size_t{10'000}}) {
    if (bench.options().smoke && streams > 100) break;
    std::ostringstream name;
    name << "one change to " << streams << " watchers (messages)";
    compare(name.str(), streams, Shared(streams));
  }
  // As they come in life: processes, of which none shares its connection with another one.
  const size_t processes = bench.options().smoke ? 10 : 1'000;
  std::ostringstream own;
  own << "one change to " << processes << " watchers, a connection each (messages)";
  compare(own.str(), processes, processes);
  const size_t each = bench.options().smoke ? 10 : 100;
  std::ostringstream shared;
  shared << "one change to " << 100 * each << " subscriptions on 100 streams (messages)";
  bench.Compare(shared.str(), {Ours(&bench.Nothing({{"watch", message}}), 100, Shared(100), each),
                               Ours(&bench.registryd(), 100, Shared(100), each, true)});
}

}  // namespace registryd::bench
