#include "tests/support/cluster.h"

#include <unistd.h>

#include <atomic>
#include <utility>

#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

std::string NextNet() {
  static std::atomic<int> count{0};
  const int pid = static_cast<int>(getpid());
  const int n = count++;
  return "127." + std::to_string(64 + (pid / 200) % 128) + "." +
         std::to_string(1 + (pid + 37 * n) % 250) + ".";
}

}  // namespace

Cluster::Cluster(size_t size, std::vector<std::string> flags, const NetworkNamespaces* networks,
                 const FlagsOf& flags_of)
    : networks_(networks), net_(networks == nullptr ? NextNet() : networks->net()) {
  std::string all;
  for (size_t i = 0; i < size; ++i) {
    all += (i == 0 ? "" : ",") + name(i) + "=" + Host(i) + ":7401";
  }
  for (size_t i = 0; i < size; ++i) {
    std::vector<std::string> own = {"--initial-cluster", all};
    own.insert(own.end(), flags.begin(), flags.end());
    if (flags_of) {
      const std::vector<std::string> more = flags_of(name(i));
      own.insert(own.end(), more.begin(), more.end());
    }
    AddMember(std::move(own));
  }
}

void Cluster::AddMember(std::vector<std::string> flags) {
  const size_t i = members_.size();
  flags.insert(flags.begin(), {"--name", name(i)});
  members_.push_back({std::make_unique<Daemon>(dir_.path() + "/" + name(i), flags, AddressesOf(i)),
                      std::make_unique<Stubs>(Host(i) + ":7400")});
  if (networks_ != nullptr) members_.back().daemon->SetPrefix(networks_->Prefix(i));
}

size_t Cluster::Add(std::vector<std::string> flags) {
  flags.insert(flags.end(), {"--join", peer(0)});
  AddMember(std::move(flags));
  return members_.size() - 1;
}

Finished Cluster::Cli(std::vector<std::string> arguments) {
  std::string servers;
  for (const std::string& address : apis()) servers += (servers.empty() ? "" : ",") + address;
  arguments.insert(arguments.begin(), BinDir() + "/registry-cli");
  return RunProgram(arguments, {{"REGISTRY_SERVER", servers}}, dir_.path());
}

std::string Cluster::name(size_t i) const { return "n" + std::to_string(i); }
std::string Cluster::Host(size_t i) const { return net_ + std::to_string(i + 1); }
std::string Cluster::api(size_t i) const { return Host(i) + ":7400"; }
std::string Cluster::peer(size_t i) const { return Host(i) + ":7401"; }

std::vector<std::string> Cluster::apis() const {
  std::vector<std::string> all;
  for (size_t i = 0; i < members_.size(); ++i) all.push_back(api(i));
  return all;
}

std::map<std::string, std::string> Cluster::AddressesOf(size_t i) const {
  return {{"api", Host(i) + ":7400"}, {"peer", Host(i) + ":7401"}, {"http", Host(i) + ":7402"}};
}

bool Cluster::Start() {
  for (Member& member : members_) member.daemon->Launch();
  for (Member& member : members_) {
    if (!member.daemon->WaitUntilReady()) return false;
  }
  return WaitForLeader().has_value();
}

std::optional<registry::v1::StatusResponse> Cluster::Status(size_t i) {
  if (!members_[i].daemon->running()) return std::nullopt;
  registry::v1::StatusResponse response;
  if (!members_[i].stubs->Status(&response).ok()) return std::nullopt;
  return response;
}

std::optional<size_t> Cluster::Leader(std::optional<size_t> but) {
  std::optional<size_t> leader;
  uint64_t term = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (i == but) continue;
    const auto status = Status(i);
    if (!status || status->leader() != name(i) || status->info().lag_ms() != 0) continue;
    for (const auto& member : status->members()) {
      if (member.name() == name(i) && member.term() > term) {
        term = member.term();
        leader = i;
      }
    }
  }
  return leader;
}

std::optional<size_t> Cluster::WaitForLeader(std::optional<size_t> but) {
  std::optional<size_t> leader;
  (void)WaitFor([&] {
    leader = Leader(but);
    return leader.has_value();
  });
  return leader;
}

bool Cluster::WaitUntilEqual() {
  bool equal = false;
  const bool level = WaitFor([&] {
    std::optional<uint64_t> index;
    std::optional<uint64_t> digest;
    equal = true;
    for (size_t i = 0; i < members_.size(); ++i) {
      if (!members_[i].daemon->running()) continue;
      const auto status = Status(i);
      if (!status) return false;
      for (const auto& member : status->members()) {
        if (member.name() != name(i)) continue;
        if (index && *index != member.applied_index()) return false;
        if (digest && *digest != member.digest()) equal = false;
        index = member.applied_index();
        digest = member.digest();
      }
    }
    return index.has_value();
  });
  return level && equal;
}

std::string Cluster::Log() {
  std::string all;
  for (Member& member : members_) all += member.daemon->Log() + "\n";
  return all;
}

}  // namespace registryd::testing
