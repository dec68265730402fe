#include "registryd/server/cluster_setup.h"

#include <algorithm>
#include <cctype>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/server/address.h"

namespace registryd::server {
namespace {

constexpr size_t kMembersMax = 63;
constexpr size_t kNameMax = 64;

// FNV-1a with a final mix. Builds of all times must agree, so it is spelled out here.
class StableHash {
 public:
  void Add(std::string_view text) {
    for (const char c : text) Step(static_cast<unsigned char>(c));
    Step(0);  // so that "ab","c" is not "a","bc"
  }
  // Never 0.
  uint64_t Result() const {
    uint64_t h = state_;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
    h ^= h >> 33;
    return h == 0 ? 1 : h;
  }

 private:
  void Step(unsigned char byte) { state_ = (state_ ^ byte) * 0x100000001b3; }
  uint64_t state_ = 0xcbf29ce484222325;
};

}  // namespace

absl::Status CheckNodeName(std::string_view name) {
  const bool good =
      !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
      });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Text("\"", name, "\" is not a node's name: 1 to 64 letters, digits, '.', '_' or '-'"));
}

absl::StatusOr<std::vector<InitialMember>> ParseInitialCluster(std::string_view text) {
  std::vector<InitialMember> members;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return absl::InvalidArgumentError(Text(
          "\"", part, "\" is not name=host:port; for example a=10.0.0.1:7401,b=10.0.0.2:7401"));
    }
    InitialMember member{std::string(part.substr(0, equals)), std::string(part.substr(equals + 1))};
    RETURN_IF_ERROR(CheckNodeName(member.name));
    const auto address = ParseAddress(member.address);
    if (!address.ok()) return address.status();
    if (address->port == 0) {
      return absl::InvalidArgumentError(
          Text("\"", part, "\": the others must know the port, so it cannot be 0"));
    }
    members.push_back(std::move(member));
  }
  if (members.empty()) return absl::InvalidArgumentError("the list of members is empty");
  if (members.size() > kMembersMax) {
    return absl::InvalidArgumentError(
        Text("at most ", kMembersMax, " members, are ", members.size()));
  }
  std::sort(members.begin(), members.end(),
            [](const InitialMember& a, const InitialMember& b) { return a.name < b.name; });
  for (size_t i = 0; i < members.size(); ++i) {
    for (size_t j = i + 1; j < members.size(); ++j) {
      if (members[i].name == members[j].name || members[i].address == members[j].address) {
        return absl::InvalidArgumentError(Text("\"", members[j].name, "=", members[j].address,
                                               "\": the name or the address stands there twice"));
      }
    }
  }
  return members;
}

ClusterId ClusterIdOf(std::string_view token, const std::vector<InitialMember>& members) {
  StableHash hash;
  hash.Add("cluster");
  hash.Add(token);
  for (const InitialMember& member : members) {
    hash.Add(member.name);
    hash.Add(member.address);
  }
  return ClusterId(hash.Result());
}

NodeId NodeIdOf(std::string_view token, std::string_view name) {
  StableHash hash;
  hash.Add("node");
  hash.Add(token);
  hash.Add(name);
  return NodeId(hash.Result());
}

}  // namespace registryd::server
