#include "registryd/server/policy_file.h"

#include <toml++/toml.h>

#include <sstream>
#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::server {
namespace {

using Lists = std::vector<std::pair<std::string, std::vector<std::string>>>;

absl::Status Wrong(const std::string& path, const toml::node& node, std::string_view why) {
  return absl::InvalidArgumentError(Text(path, " line ", node.source().begin.line, ": ", why));
}

// A table of arrays of texts; one text alone stands for an array of it.
absl::StatusOr<Lists> ListsOf(const std::string& path, const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return Wrong(path, node, "must be a table");
  Lists lists;
  for (const auto& [key, value] : *table) {
    std::vector<std::string> texts;
    if (const auto* text = value.as_string()) {
      texts.push_back(text->get());
    } else if (const auto* array = value.as_array()) {
      for (const toml::node& element : *array) {
        const auto* member = element.as_string();
        if (member == nullptr) return Wrong(path, element, "must be a text");
        texts.push_back(member->get());
      }
    } else {
      return Wrong(path, value, "must be a list of texts");
    }
    lists.emplace_back(std::string(key.str()), std::move(texts));
  }
  return lists;
}

}  // namespace

absl::StatusOr<operations::Policy> ParsePolicy(std::string_view toml, const std::string& path) {
  if (toml.size() > kPolicySizeMax) {
    return absl::InvalidArgumentError(Text(path, ": larger than ", kPolicySizeMax, " bytes"));
  }
  toml::table file;
  try {
    file = toml::parse(toml);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        Text(path, " line ", error.source().begin.line, ": ", std::string(error.description())));
  }
  operations::PolicyText text;
  for (const auto& [key, node] : file) {
    if (key == "roles") {
      ASSIGN_OR_RETURN(text.roles, ListsOf(path, node));
    } else if (key == "identities") {
      ASSIGN_OR_RETURN(text.identities, ListsOf(path, node));
    } else {
      return Wrong(path, node,
                   Text("unknown key \"", std::string_view(key.str()),
                        "\"; there are [roles] and [identities]"));
    }
  }
  auto policy = operations::Policy::Compile(text);
  if (!policy.ok()) {
    return absl::InvalidArgumentError(Text(path, ": ", std::string(policy.status().message())));
  }
  return policy;
}

}  // namespace registryd::server
