// How long a process that is killed stays in the views of its callers: from kill -9 of a process
// under `registry-cli run` until another client's view and picker are without it.
//
//   leave_bench                  100 rounds
//   leave_bench --rounds 1000
//   leave_bench --smoke          3 rounds; shows that it works, measures nothing
//
// One daemon, one client that watches, and in each round a sidecar with a process of its own, all on
// this machine. The lease has an hour, so nothing but the news of the death takes the instance out.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "registry/client.h"
#include "registry/picker.h"
#include "tests/support/child_process.h"
#include "tests/support/daemon.h"
#include "tests/support/loopback.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registryd::bench {
namespace {

using Clock = std::chrono::steady_clock;
using testing::BinDir;
using testing::ChildProcess;
using testing::WaitFor;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "leave_bench: %s\n", why.c_str());
  std::exit(1);
}

// What the sidecar finds listening on its port; nobody accepts.
uint16_t Listen() {
  uint16_t port = 0;
  testing::ListenOnLoopback(SOMAXCONN, &port);
  return port;
}

pid_t ChildOf(pid_t parent) {
  const std::string pid = std::to_string(parent);
  pid_t child = 0;
  std::ifstream("/proc/" + pid + "/task/" + pid + "/children") >> child;
  return child;
}

// When the view was first seen without an instance.
class Absences {
 public:
  void OnChange(const registry::ViewChange& change) {
    const std::lock_guard lock(mutex_);
    if (!change.gone.empty()) at_ = Clock::now();
  }
  bool seen() {
    const std::lock_guard lock(mutex_);
    return at_ != Clock::time_point();
  }
  Clock::time_point Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(at_, Clock::time_point());
  }

 private:
  std::mutex mutex_;
  Clock::time_point at_;
};

int Main(int argc, char** argv) {
  size_t rounds = 100;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--smoke") == 0) {
      rounds = 3;
    } else if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
      rounds = std::strtoul(argv[++i], nullptr, 10);
    } else {
      Die(std::string("unknown option ") + argv[i]);
    }
  }
  testing::TempDir dir;
  testing::Daemon daemon(dir.path() + "/data");
  if (!daemon.Start()) Die("registryd does not start: " + daemon.Log());
  Absences absences;
  auto client = registry::Client::Create({.servers = {daemon.address()}, .name = "leave_bench"});
  if (!client.ok()) Die(client.status().ToString());
  registry::SubscriptionOptions options;
  options.on_change = [&](const registry::ViewChange& change) { absences.OnChange(change); };
  auto web = (*client)->Subscribe({.service = "web"}, options);
  if (!web.ok()) Die(web.status().ToString());
  registry::Picker picker(**web);
  const std::string port = std::to_string(Listen());
  std::vector<double> ms;
  for (size_t round = 0; round < rounds; ++round) {
    ChildProcess sidecar({BinDir() + "/registry-cli", "--server", daemon.address(), "run",
                          "--service", "web", "--id", "i-" + std::to_string(round), "--port", port,
                          "--ttl", "1h", "--", "/usr/bin/tail", "-f", "/dev/null"},
                         dir.path() + "/out", dir.path() + "/err");
    if (!WaitFor([&] { return bool{picker.Pick()}; })) Die("an instance is not registered");
    const pid_t process = ChildOf(sidecar.pid());
    if (process <= 1) Die("the process is not found");
    const Clock::time_point killed = Clock::now();
    kill(process, SIGKILL);
    if (!WaitFor([&] { return absences.seen(); })) Die("a dead instance stays");
    if (picker.Pick()) Die("a dead instance is picked");
    ms.push_back(std::chrono::duration<double, std::milli>(absences.Take() - killed).count());
    (void)sidecar.Wait();
  }
  if (ms.empty()) Die("no rounds");
  std::sort(ms.begin(), ms.end());
  const auto share = [&](double of) {
    return ms[std::min(ms.size() - 1, static_cast<size_t>(of * static_cast<double>(ms.size())))];
  };
  std::printf(
      "kill -9 of a process under registry-cli run, until another client's view is without it\n"
      "%zu rounds: p50 %.1f ms, p99 %.1f ms, max %.1f ms (target: below 100 ms)\n",
      ms.size(), share(0.5), share(0.99), ms.back());
  return 0;
}

}  // namespace
}  // namespace registryd::bench

int main(int argc, char** argv) { return registryd::bench::Main(argc, argv); }
