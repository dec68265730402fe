#include "tests/support/network_namespaces.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

#include "tests/support/child_process.h"

namespace registryd::testing {
namespace {

constexpr char kIp[] = "/usr/sbin/ip";  // of Debian's iproute2

bool Run(std::vector<std::string> argv) {
  const Finished finished = RunProgram(argv);
  if (finished.exit == 0) return true;
  std::string line;
  for (const std::string& word : argv) line += word + " ";
  ADD_FAILURE() << line << ": " << finished.err;
  return false;
}

int NextNumber() {
  static std::atomic<int> count{0};
  return count++;
}

}  // namespace

bool NetworkNamespaces::Permitted() {
  const std::string name = "registryd-probe-" + std::to_string(getpid());
  if (RunProgram({kIp, "netns", "add", name}).exit != 0) return false;
  const bool linked =
      RunProgram({kIp, "-n", name, "link", "set", "lo", "up"}).exit == 0 &&
      RunProgram({kIp, "-n", name, "route", "add", "blackhole", "10.255.255.1/32"}).exit == 0;
  return RunProgram({kIp, "netns", "del", name}).exit == 0 && linked;
}

NetworkNamespaces::NetworkNamespaces(size_t size)
    : size_(size),
      id_(std::to_string(getpid() % 100'000) + "x" + std::to_string(NextNumber())),
      net_("10." + std::to_string(100 + getpid() / 250 % 100) + "." +
           std::to_string(getpid() % 250) + ".") {
  Run({kIp, "link", "add", "rb" + id_, "type", "bridge"});
  Run({kIp, "address", "add", net_ + "254/24", "dev", "rb" + id_});
  Run({kIp, "link", "set", "rb" + id_, "up"});
  for (size_t i = 0; i < size_; ++i) {
    const std::string ns = Namespace(i);
    const std::string outside = "r" + std::to_string(i) + "o" + id_;
    const std::string inside = "r" + std::to_string(i) + "i" + id_;
    Run({kIp, "netns", "add", ns});
    Run({kIp, "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", ns});
    Run({kIp, "link", "set", outside, "master", "rb" + id_, "up"});
    Run({kIp, "-n", ns, "address", "add", Address(i) + "/24", "dev", inside});
    Run({kIp, "-n", ns, "link", "set", inside, "up"});
    Run({kIp, "-n", ns, "link", "set", "lo", "up"});
  }
}

NetworkNamespaces::~NetworkNamespaces() {
  for (size_t i = 0; i < size_; ++i) {
    RunProgram({kIp, "link", "del", "r" + std::to_string(i) + "o" + id_});
    RunProgram({kIp, "netns", "del", Namespace(i)});
  }
  RunProgram({kIp, "link", "del", "rb" + id_});
}

std::string NetworkNamespaces::Namespace(size_t i) const {
  return "registryd-" + id_ + "-" + std::to_string(i);
}
std::string NetworkNamespaces::Address(size_t i) const { return net_ + std::to_string(i + 1); }

std::vector<std::string> NetworkNamespaces::Prefix(size_t i) const {
  return {kIp, "netns", "exec", Namespace(i)};
}

void NetworkNamespaces::Cut(size_t from, size_t to) {
  if (!cuts_.emplace(from, to).second) return;
  Run({kIp, "-n", Namespace(from), "route", "add", "blackhole", Address(to) + "/32"});
}

void NetworkNamespaces::Isolate(size_t i) {
  for (size_t other = 0; other < size_; ++other) {
    if (other == i) continue;
    Cut(i, other);
    Cut(other, i);
  }
}

void NetworkNamespaces::HealAll() {
  for (const auto& [from, to] : cuts_) {
    Run({kIp, "-n", Namespace(from), "route", "del", "blackhole", Address(to) + "/32"});
  }
  cuts_.clear();
}

}  // namespace registryd::testing
