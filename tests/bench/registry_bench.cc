// registryd beside a server that does nothing and, with --peers, beside etcd and ZooKeeper, on the
// same machine in the same run, in alternation.
//
//   registry_bench [--smoke] [--peers] [--rounds N] [--seconds S] [--largest N] [--out DIR]
//   [workload...]
//
// Prints medians of the rounds, their spread and the ratio to the do-nothing server; what is judged
// is the ratio. --smoke shows that it works and measures nothing worth reading.
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "tests/bench/bench.h"

namespace registryd::bench {
namespace {

struct Workload {
  const char* name;
  void (*run)(Bench&);
};
constexpr Workload kWorkloads[] = {
    {"lookup", Lookups},  {"register", Registrations}, {"batch", Batches}, {"renew", Renewals},
    {"watch", Watches},   {"storm", Storms},           {"mixed", Mixed},   {"security", Security},
    {"expire", Expiries}, {"growth", Growths}};

// The first line of a file that begins with `key`, behind the colon.
std::string FieldOf(const std::string& file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (line.compare(0, key.size(), key) == 0 && colon != std::string::npos) {
      return line.substr(line.find_first_not_of(" \t", colon + 1));
    }
  }
  return "unknown";
}

std::string FirstLine(const std::string& program) {
  const std::string path = FindProgram(program);
  if (path.empty()) return "not installed";
  const std::string out = testing::RunProgram({path, "--version"}).out;
  return out.substr(0, out.find('\n'));
}

void Describe(const Bench& bench, Report* report) {
  utsname machine{};
  uname(&machine);
  char date[64];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", std::gmtime(&now));
  report->Note("date", date);
  report->Note("processor", FieldOf("/proc/cpuinfo", "model name"));
  report->Note("cores", std::to_string(std::thread::hardware_concurrency()));
  report->Note("memory", FieldOf("/proc/meminfo", "MemTotal"));
  report->Note("kernel", machine.release);
  report->Note("gRPC", grpc::Version());
  if (bench.options().peers) {
    report->Note("etcd", FirstLine("etcd"));
    report->Note("ZooKeeper",
                 testing::RunProgram({FindProgram("dpkg-query"), "-W", "zookeeper"}).out);
  }
  report->Note("rounds", std::to_string(bench.options().rounds));
  report->Note("seconds", std::to_string(bench.options().seconds));
  if (bench.options().smoke) report->Note("smoke", "true");
}

int Run(Options options) {
  Bench bench(std::move(options));
  Describe(bench, &bench.report());
  const auto& wanted = bench.options().workloads;
  for (const Workload& workload : kWorkloads) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), workload.name) == wanted.end()) {
      continue;
    }
    workload.run(bench);
    // Kept after each group, so that a run that is cut short has what it measured.
    if (!bench.options().out.empty()) bench.report().Write(bench.options().out);
  }
  std::fputs(bench.report().Table().c_str(), stdout);
  return 0;
}

int Usage() {
  std::string names;
  for (const Workload& workload : kWorkloads) names += std::string(" ") + workload.name;
  std::fprintf(stderr,
               "usage: registry_bench [--smoke] [--peers] [--rounds N] [--seconds S] [--largest N] "
               "[--out DIR] [workload...]\nworkloads:%s\n",
               names.c_str());
  return 2;
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
      options.seconds = 0.1;
      options.rounds = 1;
      options.largest = 10'000;
    } else if (argument == "--peers") {
      options.peers = true;
    } else if (argument == "--out" && i + 1 < argc) {
      options.out = argv[++i];
    } else if (argument == "--seconds" && i + 1 < argc) {
      options.seconds = std::stod(argv[++i]);
    } else if (argument == "--rounds" && i + 1 < argc) {
      options.rounds = std::stoi(argv[++i]);
    } else if (argument == "--largest" && i + 1 < argc) {
      options.largest = std::stoul(argv[++i]);
    } else if (argument[0] == '-') {
      return registryd::bench::Usage();
    } else {
      options.workloads.push_back(argument);
    }
  }
  return registryd::bench::Run(std::move(options));
}
