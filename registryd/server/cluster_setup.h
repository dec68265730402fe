// How a node without data finds its place: the list of first members, and the ids that follow from
// it.
//
//   ASSIGN_OR_RETURN(auto members, ParseInitialCluster("a=10.0.0.1:7401,b=10.0.0.2:7401"));
//   ClusterId cluster = ClusterIdOf("registryd", members);      // the same on every member
//
// Every first member computes the same ids from the same list and token, so they need not ask each
// other; nodes that were given different lists are of different clusters, and refuse each other by
// name. Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/base/ids.h"

namespace registryd::server {

struct InitialMember {
  std::string name;
  std::string address;  // host:port for peers
};

// In the order of names. INVALID_ARGUMENT: says what is wrong with the text.
absl::StatusOr<std::vector<InitialMember>> ParseInitialCluster(std::string_view text);

// The token keeps apart clusters that have the same names and addresses.
ClusterId ClusterIdOf(std::string_view token, const std::vector<InitialMember>& members);
NodeId NodeIdOf(std::string_view token, std::string_view name);

// A name that may stand in lists and files: 1 to 64 letters, digits, '.', '_' and '-'.
absl::Status CheckNodeName(std::string_view name);

}  // namespace registryd::server
