// A data centre on an ordinary day: 1,000 services, 50,000 instances with a lease each, renewed every
// 10 s, 5,000 clients of which each watches five services, lookups, and 1 % of churn a minute. What
// does the daemon take, and how fast is it meanwhile?
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <future>
#include <thread>

#include "registry/v1/discovery.pb.h"
#include "registry/v1/lease.pb.h"
#include "registry/v1/registration.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/recorder.h"
#include "tests/bench/storm.h"

namespace registryd::bench {
namespace {

using namespace registry::v1;  // NOLINT: the messages of the workload

constexpr size_t kWatched = 5;  // services of a client
constexpr size_t kFrame = 100;  // leases of a host, renewed together
constexpr double kRenewalSeconds = 10;
constexpr double kLookupsPerSecond = 1'000;
constexpr double kChurnPerMinute = 0.01;

struct Sizes {
  size_t services;
  size_t instances;
  size_t clients;
  double seconds;
};

struct Granted {
  uint64_t id = 0;
  uint64_t epoch = 0;
};

std::string ServiceOf(uint64_t n, const Sizes& sizes) {
  return "s-" + std::to_string(n % sizes.services);
}

// Spread, so that each service has as many watchers as any other.
uint64_t ServiceWatched(size_t client, size_t at, const Sizes& sizes) {
  return (client * kWatched + at * (sizes.services / kWatched + 1)) % sizes.services;
}

std::vector<Granted> Fill(const Server& server, const Sizes& sizes) {
  std::vector<Granted> leases(sizes.instances);
  std::atomic<uint64_t> next{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      Load load(server.address, 1);
      for (uint64_t n = next++; n < sizes.instances; n = next++) {
        RegisterRequest request;
        request.ParseFromString(RegisterMessage(ServiceOf(n, sizes), n, 1, n + 1));
        request.mutable_lease()->set_ttl_ms(30'000);
        RegisterResponse response;
        response.ParseFromString(load.Call(kRegister, request.SerializeAsString()));
        leases[n] = {response.lease().lease_id(), response.lease().epoch()};
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return leases;
}

// The frames of all hosts, each once in kRenewalSeconds. Unary calls cannot renew, so each slot of
// the open loop has a stream of its own, with one frame under way.
class Renewing {
 public:
  Renewing(const Server& server, const std::vector<Granted>& leases) : load_(server.address, 20) {
    for (size_t from = 0; from < leases.size(); from += kFrame) {
      KeepAliveRequest frame;
      frame.set_frame(1);
      for (size_t n = from; n < std::min(leases.size(), from + kFrame); ++n) {
        frame.add_lease_ids(leases[n].id);
        frame.add_epochs(leases[n].epoch);
      }
      hosts_.push_back(
          std::make_unique<Host>(load_.stub(hosts_.size()), ToBytes(frame.SerializeAsString())));
    }
  }
  ~Renewing() {
    for (auto& host : hosts_) host->End();
  }
  Measured Run(double seconds) {
    const Shape shape{.outstanding = 1'000,
                      .rate = static_cast<double>(hosts_.size()) / kRenewalSeconds};
    std::atomic<size_t> turn{0};
    return Drive(shape, seconds, [&](size_t, uint64_t, Done done) {
      hosts_[turn++ % hosts_.size()]->Send(std::move(done));
    });
  }

 private:
  class Host final : public grpc::ClientBidiReactor<Bytes, Bytes> {
   public:
    Host(Stub* stub, Bytes frame) : frame_(std::move(frame)) {
      stub->PrepareBidiStreamingCall(&context_, kKeepAlive, {}, this);
      AddHold();
      StartCall();
    }
    void Send(Done done) {
      done_ = std::move(done);
      halves_ = 0;
      StartRead(&response_);
      StartWrite(&frame_);
    }
    void End() {
      RemoveHold();
      context_.TryCancel();
      ended_.get_future().wait();
    }
    void OnReadDone(bool ok) override { Half(ok); }
    void OnWriteDone(bool ok) override { Half(ok); }
    void OnDone(const grpc::Status&) override { ended_.set_value(); }

   private:
    void Half(bool ok) {
      if (!ok) failed_ = true;
      if (++halves_ < 2) return;
      KeepAliveResponse answer;
      const std::string text = ToText(response_);
      const bool renewed = !failed_ && answer.ParseFromString(text) && answer.accepted() &&
                           answer.lost_lease_ids_size() == 0;
      done_(renewed ? "" : "a frame of renewals was not taken");
    }
    const Bytes frame_;
    grpc::ClientContext context_;
    Bytes response_;
    Done done_;
    std::atomic<int> halves_{0};
    std::atomic<bool> failed_{false};
    std::promise<void> ended_;
  };
  Load load_;
  std::vector<std::unique_ptr<Host>> hosts_;
};

StormLoad Churn(const Sizes& sizes) {
  StormLoad load;
  load.watch_method = "/registry.v1.Discovery/Watch";
  load.streams = sizes.clients;
  load.channels = std::min<size_t>(500, sizes.clients);
  load.rate = static_cast<double>(sizes.instances) * kChurnPerMinute / 60;
  load.subscribe = [sizes](size_t client) {
    std::vector<std::string> messages;
    for (size_t at = 0; at < kWatched; ++at) {
      registry::v1::WatchRequest subscribe;
      subscribe.mutable_subscribe()->set_subscription(static_cast<uint32_t>(at + 1));
      subscribe.mutable_subscribe()->set_service("s-" +
                                                 std::to_string(ServiceWatched(client, at, sizes)));
      messages.push_back(subscribe.SerializeAsString());
    }
    return messages;
  };
  load.read = ReadWatch;
  registry::v1::WatchRequest hello;
  hello.mutable_hello()->set_batches(true);  // as the client library does
  load.hello = hello.SerializeAsString();
  load.change = [sizes](uint64_t number) {
    const uint64_t n = number * 7'919 % sizes.instances;
    UpdateRequest update;
    update.mutable_instance()->set_service(ServiceOf(n, sizes));
    update.mutable_instance()->set_id(InstanceId(n));
    update.set_weight(static_cast<uint32_t>(number));
    return std::vector<StormChange>{{kUpdate, update.SerializeAsString()}};
  };
  load.concerns = [sizes](size_t client, uint64_t number) {
    const uint64_t service = number * 7'919 % sizes.instances % sizes.services;
    for (size_t at = 0; at < kWatched; ++at) {
      if (ServiceWatched(client, at, sizes) == service) return true;
    }
    return false;
  };
  return load;
}

void Add(Bench& bench, const char* what, const Measured& m) {
  if (m.errors != 0 || m.operations == 0) {
    std::fprintf(stderr, "bench: %s: %s\n", what, m.first_error.c_str());
    std::exit(1);
  }
  bench.report().Add({.workload = what,
                      .server = "registryd",
                      .values = {m.per_second},
                      .p50_us = m.p50_us,
                      .p99_us = m.p99_us,
                      .p999_us = m.p999_us});
}

}  // namespace

void Mixed(Bench& bench) {
  const Sizes sizes =
      bench.options().smoke ? Sizes{50, 2'000, 100, 3} : Sizes{1'000, 50'000, 5'000, 30};
  bench.StopServers();
  const Server& server = bench.registryd();
  std::fprintf(stderr, "a data centre of %zu instances ", sizes.instances);
  const std::vector<Granted> leases = Fill(server, sizes);
  Renewing renewing(server, leases);
  Load lookups(server.address, 8);
  std::future<Measured> renewed;
  std::future<Measured> looked;
  double before = 0;
  SteadyClock::time_point begin;
  StormLoad churn = Churn(sizes);
  churn.ready = [&] {
    before = CpuSeconds(server);
    begin = SteadyClock::now();
    renewed = std::async(std::launch::async, [&] { return renewing.Run(sizes.seconds); });
    looked = std::async(std::launch::async, [&] {
      return LookupsAt(lookups, kLookupsPerSecond, sizes.seconds,
                       [&sizes](uint64_t n) { return ServiceOf(n * 7'919, sizes); });
    });
  };
  const Measured changes = RunStorm(server.address, churn, sizes.seconds);
  const Measured lookup = looked.get();
  const Measured frames = renewed.get();
  const double took = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  Add(bench, "data centre: lookups at 1,000 per s", lookup);
  Add(bench, "data centre: frames of 100 renewals", frames);
  Add(bench, "data centre: a change until a watcher has it", changes);
  bench.report().Add({.workload = "data centre: processor time of the daemon (cores)",
                      .server = "registryd",
                      .unit = "cores",
                      .values = {(CpuSeconds(server) - before) / took}});
  bench.report().Add({.workload = "data centre: memory of the daemon (MiB)",
                      .server = "registryd",
                      .unit = "MiB",
                      .values = {ResidentBytes(server) / (1 << 20)}});
  std::fputc('\n', stderr);
  bench.StopServers();
}

}  // namespace registryd::bench
