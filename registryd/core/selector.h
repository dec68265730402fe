// Label selectors in Kubernetes' grammar.
//
//   ASSIGN_OR_RETURN(Selector selector,
//                    Selector::Parse("selector", "env=prod,tier in (a,b),!canary"));
//   selector.Matches(instance.spec.labels);
//
// Requirements are joined by commas (and):
//   key, !key                        the key is there, is absent
//   key=value, key==value            the same; "key=" is the empty value
//   key!=value                       also where the key is absent, as in Kubernetes
//   key in (a,b), key notin (a,b)    notin also where the key is absent; "()" and "(a,)" hold the
//                                    empty value
// Keys are "name" or "example.com/name", values are empty or 1 to 63 letters, digits and ._- with a
// letter or digit at both ends; a label with another value is chosen by its key only. Spaces, tabs
// and line ends may stand between words and signs. Kubernetes' < and > are not taken.
// The empty selector matches everything.
//
// Limits (core/limits.h): 1,024 bytes, 32 requirements, 64 values each.
// Errors: INVALID_ARGUMENT with the field's path, the column (a byte, from 1) and what was
// expected:
//   selector: column 13: expected ',' or ')' after the values of "tier"
// Threads: a parsed selector is immutable. Cost of Matches: one binary search per requirement.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/core/types.h"

namespace registryd::core {

class Selector {
 public:
  Selector() = default;
  static absl::StatusOr<Selector> Parse(std::string_view path, std::string_view text);

  bool Matches(const std::vector<Label>& sorted_labels) const;
  bool empty() const { return requirements_.empty(); }
  // The same for selectors that mean the same up to order, repetition, spaces and spelling
  // (a=b, a==b, a in (b)). A selector itself, never longer than what was parsed:
  //   "!canary,env=prod,tier in(a,b)"
  std::string Canonical() const;

 private:
  friend class SelectorParser;
  enum class Operator : uint8_t { kIn, kNotIn, kExists, kAbsent };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;  // sorted, unique
    friend auto operator<=>(const Requirement&, const Requirement&) = default;
  };
  std::vector<Requirement> requirements_;  // sorted, unique
};

}  // namespace registryd::core
