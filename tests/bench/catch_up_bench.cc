// How an empty node catches up with a cluster that is full and goes on writing: how long it takes,
// what is left of the writers' throughput meanwhile, and how much memory the leader and the new
// member need for it. Three members on this machine, default settings.
//
//   catch_up_bench                       1,000,000 instances of 300 bytes
//   catch_up_bench --instances 100000
//   catch_up_bench --smoke               a few; shows that it works, measures nothing
//
// The writers register 16 instances at once, one a call, all the time. The node joins by a snapshot
// and the log behind it; it has caught up when it is a voter (looked at twice a second).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "registry/v1/registration.pb.h"
#include "tests/bench/load.h"
#include "tests/support/cluster.h"

namespace registryd::bench {
namespace {

using Clock = std::chrono::steady_clock;
using registry::v1::Member;
using registry::v1::RegisterRequest;

constexpr char kRegister[] = "/registry.v1.Registration/Register";
constexpr size_t kDataBytes = 300;
constexpr size_t kPerCall = 10;
constexpr size_t kWriters = 16;
constexpr double kSliceSeconds = 0.5;
constexpr std::chrono::minutes kPatience{20};

struct Options {
  uint64_t instances = 1'000'000;
  std::vector<std::string> flags = {"--disk-reserve", "16MiB"};
  double seconds = 5;  // of writing before the node comes
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class CatchUp {
 public:
  explicit CatchUp(Options options) : options_(std::move(options)), cluster_(3, options_.flags) {}

  void Run() {
    if (!cluster_.Start()) Die("the cluster does not start");
    const std::optional<size_t> leader = cluster_.WaitForLeader();
    if (!leader) Die("nobody leads");
    leader_ = *leader;
    Fill();
    const double before = Write([this] { return written_s_ >= options_.seconds; });
    cluster_[leader_].ForgetPeak();
    const int64_t leader_kib = cluster_[leader_].ResidentKiB();

    const size_t added = cluster_.Add(options_.flags);
    const auto start = Clock::now();
    cluster_[added].Launch();
    const double meanwhile = Write([&] {
      if (SecondsSince(start) > std::chrono::duration<double>(kPatience).count()) {
        Die("the node did not catch up");
      }
      return IsVoter(cluster_.name(added));
    });
    const double seconds = SecondsSince(start);
    const bool by_snapshot =
        cluster_[added].Log().find("the state was replaced by a snapshot") != std::string::npos;
    const int64_t leader_peak_kib = cluster_[leader_].PeakResidentKiB();
    const int64_t added_peak_kib = cluster_[added].PeakResidentKiB();
    if (!cluster_.WaitUntilEqual()) Die("the members differ");

    std::printf("%llu instances, a node caught up in %.1f s %s\n",
                static_cast<unsigned long long>(options_.instances), seconds,
                by_snapshot ? "by a snapshot" : "by the log");
    std::printf("writes per second        before %7.0f   meanwhile %7.0f   ratio %.2f\n", before,
                meanwhile, meanwhile / before);
    std::printf("memory of the leader     before %4lld MiB  at most  %4lld MiB   ratio %.2f\n",
                MiB(leader_kib), MiB(leader_peak_kib),
                static_cast<double>(leader_peak_kib) / static_cast<double>(leader_kib));
    std::printf("memory of the new member at most %3lld MiB, then    %4lld MiB\n",
                MiB(added_peak_kib), MiB(cluster_[added].ResidentKiB()));
  }

 private:
  [[noreturn]] void Die(const std::string& why) {
    std::fprintf(stderr, "catch_up_bench: %s\n%s\n", why.c_str(), cluster_.Log().c_str());
    std::exit(1);
  }

  static long long MiB(int64_t kib) { return static_cast<long long>(kib / 1024); }

  std::string Request(size_t count) {
    RegisterRequest request;
    const uint64_t call = ++calls_;
    for (size_t i = 0; i < count; ++i) {
      *request.add_instances() =
          testing::Spec("s-" + std::to_string(call % 1'000),
                        "i-" + std::to_string(call) + "-" + std::to_string(i));
      auto& labels = *request.mutable_instances(static_cast<int>(i))->mutable_labels();
      labels["one"] = labels["other"] = std::string(kDataBytes / 2, 'x');
    }
    request.mutable_lease()->set_lease_id(1 + call);
    request.mutable_lease()->set_ttl_ms(3'600'000);
    return request.SerializeAsString();
  }

  Measured Slice(size_t outstanding, size_t per_call) {
    Load load(cluster_.api(leader_), 4);
    Measured done = load.Unary({.method = kRegister,
                                .request = [&](uint64_t) { return Request(per_call); },
                                .shape = {.outstanding = outstanding}},
                               kSliceSeconds);
    if (done.errors != 0) Die("a write failed: " + done.first_error);
    return done;
  }

  void Fill() {
    for (uint64_t n = 0; n < options_.instances;) n += Slice(64, kPerCall).operations * kPerCall;
  }

  // Writes until then; calls per second.
  double Write(const std::function<bool()>& until) {
    uint64_t calls = 0;
    written_s_ = 0;
    const auto start = Clock::now();
    do {
      calls += Slice(kWriters, 1).operations;
      written_s_ = SecondsSince(start);
    } while (!until());
    return static_cast<double>(calls) / written_s_;
  }

  bool IsVoter(const std::string& name) {
    const auto status = cluster_.Status(leader_);
    if (!status) return false;
    return std::any_of(status->members().begin(), status->members().end(), [&](const Member& m) {
      return m.name() == name && m.suffrage() == Member::SUFFRAGE_VOTER && m.reachable();
    });
  }

  const Options options_;
  testing::Cluster cluster_;
  size_t leader_ = 0;
  std::atomic<uint64_t> calls_{0};
  double written_s_ = 0;
};

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--instances" && i + 1 < argc) {
      options.instances = std::strtoull(argv[++i], nullptr, 10);
    } else if (argument == "--smoke") {
      options = {.instances = 500, .flags = {"--log-entries", "100"}, .seconds = 0.5};
    } else {
      std::fprintf(stderr, "catch_up_bench: unknown option %s\n", argument.c_str());
      return 2;
    }
  }
  CatchUp(std::move(options)).Run();
  return 0;
}

}  // namespace
}  // namespace registryd::bench

int main(int argc, char** argv) { return registryd::bench::Main(argc, argv); }
