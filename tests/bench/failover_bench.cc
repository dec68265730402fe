// How long writes pause when the leader goes: killed, cut off from the network, or stopped as
// planned. Three members on this machine, default settings; etcd's three members beside it where it
// is installed.
//
//   failover_bench                     50 kills, 20 cuts, 20 planned stops of each
//   failover_bench --kills 10 --cuts 0 --stops 5 --without-peers
//   failover_bench --smoke             one of each; shows that it works, measures nothing
//
// Two clients write all the time, one through each member that stays, with a deadline of 250 ms a
// call. A kill or a cut is timed from the signal to the first accepted write that was called after
// it. A planned stop is judged by the slowest write and the number of writes that failed, from
// SIGTERM to the end of the process.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "etcd.pb.h"
#include "registry/v1/registration.pb.h"
#include "tests/bench/load.h"
#include "tests/bench/servers.h"
#include "tests/support/child_process.h"
#include "tests/support/cluster.h"
#include "tests/support/network_namespaces.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registryd::bench {
namespace {

using Clock = std::chrono::steady_clock;
using testing::NetworkNamespaces;
using testing::WaitFor;

constexpr size_t kMembers = 3;
constexpr int64_t kCallMs = 250;

double MsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// One unary call of raw bytes.
class Caller {
 public:
  explicit Caller(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
    stub_ = std::make_unique<Stub>(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }
  bool Call(const std::string& method, const std::string& request, int64_t timeout_ms,
            std::string* response = nullptr) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
    grpc::CompletionQueue queue;
    auto call = stub_->PrepareUnaryCall(&context, method, ToBytes(request), &queue);
    call->StartCall();
    Bytes answer;
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (status.ok() && response != nullptr) *response = ToText(answer);
    return status.ok();
  }

 private:
  std::unique_ptr<Stub> stub_;
};

class Target {
 public:
  virtual ~Target() = default;
  virtual std::string name() const = 0;
  virtual bool Start() = 0;
  // Absent: nobody for now.
  virtual std::optional<size_t> Leader() = 0;
  virtual void Signal(size_t i, int signal) = 0;
  virtual void WaitForEnd(size_t i) = 0;
  virtual bool Restart(size_t i) = 0;
  virtual std::string address(size_t i) const = 0;
  virtual std::string method() const = 0;
  virtual std::string request(const std::string& key) const = 0;
};

class Registryd final : public Target {
 public:
  explicit Registryd(const NetworkNamespaces* networks)
      : cluster_(kMembers, {"--insecure"}, networks) {}
  std::string name() const override { return "registryd"; }
  bool Start() override { return cluster_.Start(); }
  std::optional<size_t> Leader() override { return cluster_.Leader(); }
  void Signal(size_t i, int signal) override { cluster_[i].Signal(signal); }
  void WaitForEnd(size_t i) override { (void)cluster_[i].Wait(); }
  bool Restart(size_t i) override { return cluster_[i].Start() && cluster_.WaitUntilEqual(); }
  std::string address(size_t i) const override { return cluster_.api(i); }
  std::string method() const override { return "/registry.v1.Registration/Register"; }
  std::string request(const std::string& key) const override {
    registry::v1::RegisterRequest request;
    *request.add_instances() = testing::Spec("failover", key);
    return request.SerializeAsString();
  }

 private:
  testing::Cluster cluster_;
};

class EtcdCluster final : public Target {
 public:
  explicit EtcdCluster(const NetworkNamespaces* networks) : networks_(networks) {
    for (size_t i = 0; i < kMembers; ++i) {
      all_ += (i == 0 ? "" : ",") + ("m" + std::to_string(i)) + "=http://" + Host(i) + ":2380";
    }
  }
  std::string name() const override { return "etcd"; }
  bool Start() override {
    for (size_t i = 0; i < kMembers; ++i) Launch(i);
    return WaitFor([&] { return Leader().has_value(); });
  }
  std::optional<size_t> Leader() override {
    for (size_t i = 0; i < kMembers; ++i) {
      if (processes_[i] == nullptr || !processes_[i]->running()) continue;
      std::string answer;
      etcd::StatusResponse status;
      if (!Caller(address(i)).Call("/etcdserverpb.Maintenance/Status", "", 1'000, &answer))
        continue;
      if (status.ParseFromString(answer) && status.leader() != 0 &&
          status.leader() == status.header().member_id()) {
        return i;
      }
    }
    return std::nullopt;
  }
  void Signal(size_t i, int signal) override { processes_[i]->Signal(signal); }
  void WaitForEnd(size_t i) override { (void)processes_[i]->Wait(); }
  bool Restart(size_t i) override {
    Launch(i);
    Caller caller(address(i));
    return WaitFor([&] { return caller.Call(method(), request("back"), 1'000); });
  }
  std::string address(size_t i) const override { return Host(i) + ":2379"; }
  std::string method() const override { return "/etcdserverpb.KV/Put"; }
  std::string request(const std::string& key) const override {
    etcd::PutRequest put;
    put.set_key("failover/" + key);
    put.set_value("127.0.0.1:8080");
    return put.SerializeAsString();
  }

 private:
  std::string Host(size_t i) const {
    return (networks_ != nullptr ? networks_->net() : "127.201.9.") + std::to_string(i + 1);
  }
  void Launch(size_t i) {
    const std::string dir = dir_.path() + "/" + std::to_string(i);
    std::filesystem::create_directories(dir);
    const std::string client = "http://" + address(i);
    const std::string peer = "http://" + Host(i) + ":2380";
    std::vector<std::string> argv;
    if (networks_ != nullptr) argv = networks_->Prefix(i);
    const std::vector<std::string> own = {FindProgram("etcd"),
                                          "--name",
                                          "m" + std::to_string(i),
                                          "--data-dir",
                                          dir + "/data",
                                          "--listen-client-urls",
                                          client,
                                          "--advertise-client-urls",
                                          client,
                                          "--listen-peer-urls",
                                          peer,
                                          "--initial-advertise-peer-urls",
                                          peer,
                                          "--initial-cluster",
                                          all_,
                                          "--log-level",
                                          "error"};
    argv.insert(argv.end(), own.begin(), own.end());
    processes_[i] = std::make_unique<testing::ChildProcess>(argv, dir + "/out", dir + "/err");
  }

  const NetworkNamespaces* const networks_;
  testing::TempDir dir_;
  std::string all_;
  std::unique_ptr<testing::ChildProcess> processes_[kMembers];
};

// Writes through one member until it is stopped.
class Writer {
 public:
  Writer(const Target& target, size_t member)
      : thread_([this, &target, member] {
          Caller caller(target.address(member));
          static std::atomic<uint64_t> keys{0};
          while (!stopping_) {
            const auto called = Clock::now();
            const std::string key = std::to_string(getpid()) + "-" + std::to_string(++keys);
            const bool ok = caller.Call(target.method(), target.request(key), kCallMs);
            if (called < fault_.load()) continue;
            if (!ok) {
              ++failed_;
              continue;
            }
            slowest_ms_ = std::max<double>(slowest_ms_, MsSince(called));
            if (first_ms_ < 0) first_ms_ = MsSince(fault_.load());
          }
        }) {}
  ~Writer() { Stop(); }
  void Fault(Clock::time_point at) { fault_ = at; }
  void Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  double first_ms() const { return first_ms_; }  // -1: none yet
  double slowest_ms() const { return slowest_ms_; }
  int failed() const { return failed_; }

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<Clock::time_point> fault_{Clock::time_point::max()};
  std::atomic<double> first_ms_{-1};
  std::atomic<double> slowest_ms_{0};
  std::atomic<int> failed_{0};
  std::thread thread_;
};

void Print(const std::string& what, const std::string& who, std::vector<double> ms,
           const std::string& more = "") {
  if (ms.empty()) return;
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double q) {
    return ms[std::min(ms.size() - 1, static_cast<size_t>(q * static_cast<double>(ms.size())))];
  };
  std::printf("%-34s %-10s n=%-3zu p50 %7.0f ms  p99 %7.0f ms  max %7.0f ms%s\n", what.c_str(),
              who.c_str(), ms.size(), at(0.5), at(0.99), ms.back(), more.c_str());
  std::fflush(stdout);
}

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "failover_bench: %s\n", why.c_str());
  std::exit(1);
}

size_t LeaderOf(Target& target) {
  std::optional<size_t> leader;
  if (!WaitFor([&] { return (leader = target.Leader()).has_value(); })) {
    Die(target.name() + " has no leader");
  }
  return *leader;
}

enum class Fault { kKill, kCut, kStop };

void Run(Target& target, NetworkNamespaces* networks, Fault fault, int rounds) {
  std::vector<double> pauses;
  int failed = 0;
  for (int round = 0; round < rounds; ++round) {
    const size_t leader = LeaderOf(target);
    Writer a(target, (leader + 1) % kMembers);
    Writer b(target, (leader + 2) % kMembers);
    // Both write before the fault comes.
    std::this_thread::yield();
    Caller warm(target.address((leader + 1) % kMembers));
    for (int i = 0; i < 20; ++i) {
      warm.Call(target.method(), target.request("warm" + std::to_string(i)), 1'000);
    }
    const auto start = Clock::now();
    if (fault == Fault::kCut) {
      networks->Isolate(leader);  // takes some milliseconds itself; counted
    } else {
      target.Signal(leader, fault == Fault::kKill ? SIGKILL : SIGTERM);
    }
    a.Fault(start);
    b.Fault(start);
    if (fault == Fault::kStop) target.WaitForEnd(leader);
    if (!WaitFor([&] { return a.first_ms() >= 0 || b.first_ms() >= 0; })) {
      Die("no write was accepted after the leader had gone");
    }
    a.Stop();
    b.Stop();
    if (fault == Fault::kStop) {
      pauses.push_back(std::max(a.slowest_ms(), b.slowest_ms()));
      failed += a.failed() + b.failed();
    } else {
      const double first = a.first_ms() < 0   ? b.first_ms()
                           : b.first_ms() < 0 ? a.first_ms()
                                              : std::min(a.first_ms(), b.first_ms());
      pauses.push_back(first);
    }
    if (fault == Fault::kCut) {
      networks->HealAll();
      if (!WaitFor([&] {
            return Caller(target.address(leader))
                .Call(target.method(), target.request("back"), 1'000);
          })) {
        Die("a member did not come back");
      }
      continue;
    }
    if (fault == Fault::kKill) target.WaitForEnd(leader);
    if (!target.Restart(leader)) Die("a member did not start again");
  }
  switch (fault) {
    case Fault::kKill:
      return Print("leader killed (kill -9)", target.name(), pauses);
    case Fault::kCut:
      return Print("leader's host vanished (cut)", target.name(), pauses);
    case Fault::kStop:
      return Print("planned stop, slowest write", target.name(), pauses,
                   "  failed writes: " + std::to_string(failed));
  }
}

struct Options {
  int kills = 50;
  int cuts = 20;
  int stops = 20;
  bool peers = true;
};

void RunAll(const Options& options, bool etcd) {
  const auto make = [etcd](const NetworkNamespaces* networks) -> std::unique_ptr<Target> {
    if (etcd) return std::make_unique<EtcdCluster>(networks);
    return std::make_unique<Registryd>(networks);
  };
  {
    const auto target = make(nullptr);
    if (!target->Start()) Die(target->name() + " does not start");
    Run(*target, nullptr, Fault::kKill, options.kills);
    Run(*target, nullptr, Fault::kStop, options.stops);
  }
  if (options.cuts == 0) return;
  if (!NetworkNamespaces::Permitted()) {
    std::printf("no right to make network namespaces: cuts are not measured\n");
    return;
  }
  NetworkNamespaces networks(kMembers);
  const auto target = make(&networks);
  if (!target->Start()) Die(target->name() + " does not start");
  Run(*target, &networks, Fault::kCut, options.cuts);
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto number = [&] {
      if (i + 1 >= argc) Die(argument + " needs a number");
      return std::atoi(argv[++i]);
    };
    if (argument == "--kills") {
      options.kills = number();
    } else if (argument == "--cuts") {
      options.cuts = number();
    } else if (argument == "--stops") {
      options.stops = number();
    } else if (argument == "--without-peers") {
      options.peers = false;
    } else if (argument == "--smoke") {
      options = {.kills = 1, .cuts = 1, .stops = 1, .peers = false};
    } else {
      Die("unknown option " + argument);
    }
  }
  RunAll(options, /*etcd=*/false);
  if (options.peers && !FindProgram("etcd").empty()) {
    RunAll(options, /*etcd=*/true);
  } else if (options.peers) {
    std::printf("etcd is not installed\n");
  }
  return 0;
}

}  // namespace
}  // namespace registryd::bench

int main(int argc, char** argv) { return registryd::bench::Main(argc, argv); }
