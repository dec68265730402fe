// What identities may do: roles are verbs on services, and identities have roles.
//
//   [roles]
//   workload = ["register,deregister,update,drain {namespace}/{service}", "lookup,watch *"]
//   operator = ["* *"]
//   [identities]
//   "spiffe://example.org/{namespace}/{service}" = ["workload"]
//   "jwt:alice" = ["operator"]
//
// A rule is VERBS and SERVICES, each with commas between. A star among the verbs is all of them;
// services are patterns (core/name_pattern.h). A verb of the registry as a whole (lease, status,
// operate, member) is covered by the pattern * only, which may be left out where a rule has no
// other verb. Who may register something may keep leases too.
//
// An identity is a text, a star in it any run of characters but the slash. {name} stands for such a
// run too, which must be a valid name, and brings it into the rules of its roles: so the first line
// above lets a workload register only the service that its certificate names. A run ends where the
// next character of the pattern comes first, so every identity is read in one way.
//
// Rules only allow; what no rule allows is denied. Threads: immutable. Cost of a decision: a
// handful of comparisons; Resolve allocates, so its answer is kept (operations/policy_access.h).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "registryd/core/name_pattern.h"
#include "registryd/operations/access.h"

namespace registryd::operations {

// A policy as it is written. Order does not matter.
struct PolicyText {
  std::vector<std::pair<std::string, std::vector<std::string>>> roles;       // name, rules
  std::vector<std::pair<std::string, std::vector<std::string>>> identities;  // pattern, roles
};

// What one identity may do.
class Grants {
 public:
  struct Origin {
    std::string identity;  // the pattern
    std::string role;
    std::string rule;
    std::vector<Verb> verbs;
    core::NameSet services;
  };
  explicit Grants(std::vector<Origin> origins);

  bool Allows(Verb verb, std::string_view object) const {
    return sets_[static_cast<size_t>(verb)]->Contains(object);
  }
  // The services on which the verb may be used.
  const std::shared_ptr<const core::NameSet>& Services(Verb verb) const {
    return sets_[static_cast<size_t>(verb)];
  }
  // Why, in a sentence for people.
  std::string Explain(std::string_view identity, Verb verb, std::string_view object) const;

 private:
  std::vector<Origin> origins_;
  std::array<std::shared_ptr<const core::NameSet>, kVerbs.size()> sets_;
};

class Policy {
 public:
  static constexpr size_t kRolesMax = 1'000;
  static constexpr size_t kRulesMax = 100;  // of a role
  static constexpr size_t kIdentitiesMax = 100'000;
  static constexpr size_t kIdentitySize = 512;  // longer ones have no role

  // INVALID_ARGUMENT says which role, rule or identity, and why.
  static absl::StatusOr<Policy> Compile(const PolicyText& text);

  std::shared_ptr<const Grants> Resolve(std::string_view identity) const;
  size_t roles() const { return roles_.size(); }
  size_t identities() const { return identities_.size() + exact_.size(); }

 private:
  struct Rule {
    std::string text;
    std::vector<Verb> verbs;
    std::vector<std::string> services;  // patterns, perhaps with {captures}
  };
  // A run of literal text, then (but in the last part) a run that stands for itself.
  struct Part {
    std::string literal;
    std::optional<std::string> capture;  // "": a star; otherwise the name
  };
  struct Binding {
    std::string text;
    std::vector<Part> parts;
    std::vector<std::string> roles;
  };

  static absl::StatusOr<Rule> CompileRule(const std::string& path, const std::string& text);
  static absl::StatusOr<std::vector<Part>> CompileIdentity(const std::string& text);
  using Captures = std::map<std::string, std::string, std::less<>>;
  static bool Match(const std::vector<Part>& parts, std::string_view identity, Captures* captures);

  std::map<std::string, std::vector<Rule>, std::less<>> roles_;
  std::map<std::string, Binding, std::less<>> exact_;  // identities without a star or capture
  std::vector<Binding> identities_;
};

}  // namespace registryd::operations
