// registryd beside a server that does nothing, on the same machine in the same run, in alternation.
//
//   registry_bench [--smoke] [--out FILE.json] [workload...]       workloads: lookup register batch
//   renew watch
//
// Prints medians of the rounds, their spread and the ratio; what is judged is the ratio. --smoke
// shows that it works and measures nothing worth reading.
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "registry/v1/cluster.pb.h"
#include "registry/v1/discovery.pb.h"
#include "registry/v1/lease.pb.h"
#include "registry/v1/registration.pb.h"
#include "tests/bench/load.h"
#include "tests/support/child_process.h"
#include "tests/support/daemon.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registryd::bench {
namespace {

using namespace registry::v1;  // NOLINT: the messages of the workloads

constexpr uint64_t kLease = 4711;
constexpr char kLookup[] = "/registry.v1.Discovery/Lookup";
constexpr char kRegister[] = "/registry.v1.Registration/Register";
constexpr char kUpdate[] = "/registry.v1.Registration/Update";
constexpr char kKeepAlive[] = "/registry.v1.Lease/KeepAlive";

struct Options {
  bool smoke = false;
  double seconds = 2.0;
  int rounds = 5;
  std::string out;
  std::vector<std::string> workloads;
};

void AddSpec(const std::string& service, const std::string& id, RegisterRequest* request) {
  auto* spec = request->add_instances();
  spec->set_service(service);
  spec->set_id(id);
  spec->set_version("1.4.2");
  spec->set_zone("eu-1a");
  auto* endpoint = spec->add_endpoints();
  endpoint->set_name("http");
  endpoint->set_host("10.20.30.40");
  endpoint->set_port(8080);
  endpoint->set_protocol("http");
  (*spec->mutable_labels())["env"] = "production";
  (*spec->mutable_labels())["team"] = "payments";
}

std::string Registration(const std::string& service, uint64_t first, int count) {
  RegisterRequest request;
  for (int i = 0; i < count; ++i) {
    AddSpec(service,
            "i-" + std::to_string(first * static_cast<uint64_t>(count) + static_cast<uint64_t>(i)),
            &request);
  }
  request.mutable_lease()->set_lease_id(kLease);
  request.mutable_lease()->set_ttl_ms(3'600'000);
  return request.SerializeAsString();
}

// Processor time of a process so far, in seconds.
double CpuSeconds(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t after_name = text.rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(text.substr(after_name + 2));
  std::string skip;
  for (int i = 0; i < 11; ++i) fields >> skip;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Server {
  std::string name;
  std::string address;
  pid_t pid = 0;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Row {
  std::string workload;
  std::string server;
  double per_second;
  double low;
  double high;
  double p50_us;
  double p99_us;
  double cpu_us_per_op;
};

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)) {}
  int Run();

 private:
  using Workload = std::function<Measured(Load&, double seconds)>;
  void Compare(const std::string& name, size_t channels, double items, const Workload& workload);
  void Print() const;
  void WriteJson() const;
  bool Wanted(const std::string& name) const {
    return options_.workloads.empty() ||
           std::find(options_.workloads.begin(), options_.workloads.end(), name) !=
               options_.workloads.end();
  }
  void Lookups();
  void Registrations();
  void Batches();
  void Renewals();
  void Watches();

  const Options options_;
  std::vector<Server> servers_;
  std::string renewal_frame_;
  std::vector<Row> rows_;
};

// `items`: what one operation of the generator counts for (instances of a batch, leases of a
// frame).
void Bench::Compare(const std::string& name, size_t channels, double items,
                    const Workload& workload) {
  std::map<std::string, std::vector<double>> rate;
  std::map<std::string, std::vector<double>> p50;
  std::map<std::string, std::vector<double>> p99;
  std::map<std::string, std::vector<double>> cpu;
  std::fprintf(stderr, "%s ", name.c_str());
  for (int round = -1; round < options_.rounds; ++round) {  // round -1 warms up
    for (const Server& server : servers_) {
      Load load(server.address, channels);
      const double cpu_before = CpuSeconds(server.pid);
      const Measured m = workload(load, round < 0 ? options_.seconds / 4 : options_.seconds);
      if (m.errors != 0 || m.per_second == 0) {
        std::fprintf(stderr, "\nbench: %s: %lu calls failed on %s, first: %s\n", name.c_str(),
                     static_cast<unsigned long>(m.errors), server.name.c_str(),
                     m.first_error.c_str());
        std::exit(1);
      }
      if (round < 0) continue;
      rate[server.name].push_back(m.per_second * items);
      p50[server.name].push_back(m.p50_us);
      p99[server.name].push_back(m.p99_us);
      cpu[server.name].push_back((CpuSeconds(server.pid) - cpu_before) * 1e6 /
                                 (m.per_second * items * options_.seconds));
    }
    std::fputc('.', stderr);
  }
  std::fputc('\n', stderr);
  for (const Server& server : servers_) {
    const auto& rates = rate[server.name];
    rows_.push_back({name, server.name, Median(rates),
                     *std::min_element(rates.begin(), rates.end()),
                     *std::max_element(rates.begin(), rates.end()), Median(p50[server.name]),
                     Median(p99[server.name]), Median(cpu[server.name])});
  }
}

void Bench::Lookups() {
  LookupRequest request;
  request.set_service("ten");
  const std::string bytes = request.SerializeAsString();
  for (size_t outstanding : {1, 64}) {
    Compare("lookup of 10 instances, " + std::to_string(outstanding) + " outstanding",
            outstanding == 1 ? 1 : 4, 1, [&](Load& load, double seconds) {
              return load.Unary({kLookup, [&](uint64_t) { return bytes; }, outstanding}, seconds);
            });
  }
}

void Bench::Registrations() {
  for (size_t outstanding : {1, 64, 512}) {
    Compare("durable registration, " + std::to_string(outstanding) + " outstanding",
            std::max<size_t>(1, std::min<size_t>(8, outstanding / 16)), 1,
            [&](Load& load, double seconds) {
              return load.Unary(
                  {kRegister,
                   [](uint64_t n) { return Registration("s-" + std::to_string(n % 1'000), n, 1); },
                   outstanding},
                  seconds);
            });
  }
}

void Bench::Batches() {
  Compare(
      "durable registration, 100 a call, 16 outstanding (instances)", 4, 100,
      [](Load& load, double seconds) {
        return load.Unary(
            {kRegister,
             [](uint64_t n) { return Registration("b-" + std::to_string(n % 1'000), n, 100); }, 16},
            seconds);
      });
}

void Bench::Renewals() {
  Compare("renewals, 1,000 a frame, 4 streams (leases)", 4, 1'000,
          [this](Load& load, double seconds) {
            return load.Frames({kKeepAlive, renewal_frame_, 4}, seconds);
          });
}

void Bench::Watches() {
  WatchRequest subscribe;
  subscribe.mutable_subscribe()->set_subscription(1);
  subscribe.mutable_subscribe()->set_service("watched");
  const size_t streams = options_.smoke ? 50 : 1'000;
  Compare("one change to " + std::to_string(streams) + " watchers (messages)", 20,
          static_cast<double>(streams), [&](Load& load, double seconds) {
            return load.Watch({subscribe.SerializeAsString(), streams, kUpdate,
                               [](uint64_t) {
                                 // The same weight again would be no change and no event.
                                 static uint32_t changes = 1;
                                 UpdateRequest update;
                                 update.mutable_instance()->set_service("watched");
                                 update.mutable_instance()->set_id("i-0");
                                 update.set_weight(1 + ++changes % 60'000);
                                 return update.SerializeAsString();
                               }},
                              seconds);
          });
}

void Bench::Print() const {
  std::printf("%-62s %-11s %12s %10s %9s %9s %9s %6s\n", "workload", "server", "per second",
              "spread", "p50 us", "p99 us", "cpu us/op", "ratio");
  for (size_t i = 0; i < rows_.size(); i += servers_.size()) {
    const double floor = rows_[i].per_second;
    for (size_t j = i; j < i + servers_.size(); ++j) {
      const Row& r = rows_[j];
      std::printf("%-62s %-11s %12.0f %9.0f%% %9.0f %9.0f %9.2f %6.2f\n",
                  j == i ? r.workload.c_str() : "", r.server.c_str(), r.per_second,
                  100 * (r.high - r.low) / r.per_second, r.p50_us, r.p99_us, r.cpu_us_per_op,
                  r.per_second / floor);
    }
  }
}

void Bench::WriteJson() const {
  if (options_.out.empty()) return;
  nlohmann::ordered_json document;
  utsname machine{};
  uname(&machine);
  document["time"] = std::time(nullptr);
  document["kernel"] = machine.release;
  document["cores"] = std::thread::hardware_concurrency();
  document["smoke"] = options_.smoke;
  document["rounds"] = options_.rounds;
  document["seconds"] = options_.seconds;
  for (const Row& r : rows_) {
    document["rows"].push_back({{"workload", r.workload},
                                {"server", r.server},
                                {"per_second", r.per_second},
                                {"low", r.low},
                                {"high", r.high},
                                {"p50_us", r.p50_us},
                                {"p99_us", r.p99_us},
                                {"cpu_us_per_op", r.cpu_us_per_op}});
  }
  std::ofstream(options_.out) << document.dump(2) << "\n";
}

int Bench::Run() {
  testing::TempDir dir;
  testing::Daemon registryd(dir.path() + "/data", {"--disk-reserve", "16MiB"});
  if (!registryd.Start()) {
    std::fprintf(stderr, "bench: registryd does not start:\n%s\n", registryd.Log().c_str());
    return 1;
  }
  Load setup(registryd.address(), 1);
  RegisterRequest ten;
  for (int i = 0; i < 10; ++i) AddSpec("ten", "i-" + std::to_string(i), &ten);
  AddSpec("watched", "i-0", &ten);
  setup.Call(kRegister, ten.SerializeAsString());
  const std::string registered = setup.Call(kRegister, Registration("s-0", 0, 1));

  // Leases of their own for the renewals, and the frame that renews them all.
  KeepAliveRequest frame;
  frame.set_frame(1);
  for (uint64_t id = 1; id <= 1'000; ++id) {
    GrantLeaseRequest grant;
    grant.mutable_lease()->set_lease_id(1'000'000 + id);
    grant.mutable_lease()->set_ttl_ms(3'600'000);
    GrantLeaseResponse granted;
    granted.ParseFromString(setup.Call("/registry.v1.Lease/Grant", grant.SerializeAsString()));
    frame.add_lease_ids(granted.lease().lease_id());
    frame.add_epochs(granted.lease().epoch());
  }
  renewal_frame_ = frame.SerializeAsString();
  KeepAliveResponse renewed;
  renewed.set_frame(1);
  renewed.set_accepted(true);
  renewed.set_next_in_ms(1'200'000);

  // The do-nothing server answers with as many bytes.
  LookupRequest lookup;
  lookup.set_service("ten");
  const std::string answer = setup.Call(kLookup, lookup.SerializeAsString());
  LookupResponse parsed;
  parsed.ParseFromString(answer);
  const std::string ready = dir.path() + "/nothing";
  testing::ChildProcess nothing(
      {testing::BinDir() + "/do_nothing_server", ready, "lookup=" + std::to_string(answer.size()),
       "register=" + std::to_string(registered.size()),
       "keepalive=" + std::to_string(renewed.ByteSizeLong()),
       "watch=" + std::to_string(parsed.instances(0).ByteSizeLong() + 15)},
      dir.path() + "/out", dir.path() + "/err");
  std::string nothing_address;
  const bool up = testing::WaitFor([&] {
    nothing_address = testing::ParseReadyFile(testing::ReadFile(ready))["api"];
    return !nothing_address.empty();
  });
  if (!up) {
    std::fprintf(stderr, "bench: the do-nothing server does not start\n");
    return 1;
  }
  servers_ = {{"do-nothing", nothing_address, nothing.pid()},
              {"registryd", registryd.address(), registryd.pid()}};

  if (Wanted("lookup")) Lookups();
  if (Wanted("register")) Registrations();
  if (Wanted("batch")) Batches();
  if (Wanted("renew")) Renewals();
  if (Wanted("watch")) Watches();
  Print();
  WriteJson();
  nothing.Signal(15);
  return registryd.Stop() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace registryd::bench

int main(int argc, char** argv) {
  // As registryd does.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  registryd::bench::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--smoke") {
      options.smoke = true;
      options.seconds = 0.2;
      options.rounds = 1;
    } else if (argument == "--out" && i + 1 < argc) {
      options.out = argv[++i];
    } else if (argument == "--seconds" && i + 1 < argc) {
      options.seconds = std::stod(argv[++i]);
    } else if (argument == "--rounds" && i + 1 < argc) {
      options.rounds = std::stoi(argv[++i]);
    } else if (argument[0] == '-') {
      std::fprintf(stderr,
                   "usage: registry_bench [--smoke] [--seconds S] [--rounds N] [--out FILE.json] "
                   "[lookup|register|batch|renew|watch ...]\n");
      return 2;
    } else {
      options.workloads.push_back(argument);
    }
  }
  return registryd::bench::Bench(std::move(options)).Run();
}
