#include "registryd/operations/policy.h"

#include <algorithm>
#include <set>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"

namespace registryd::operations {
namespace {

absl::Status Wrong(std::string_view path, std::string_view why) {
  return absl::InvalidArgumentError(Text(path, ": ", why));
}

bool IsGlobal(Verb verb) {
  return verb == Verb::kLease || verb == Verb::kStatus || verb == Verb::kOperate ||
         verb == Verb::kMember;
}

std::vector<std::string> Split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (size_t from = 0;;) {
    const size_t to = text.find(at, from);
    parts.emplace_back(text.substr(from, to - from));
    if (to == std::string_view::npos) return parts;
    from = to + 1;
  }
}

// Replaces {name} by what `value(name)` returns. False: an open brace, or an unknown name.
template <class F>
bool Substitute(std::string_view text, F value, std::string* out) {
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '{') {
      *out += text[at++];
      continue;
    }
    const size_t close = text.find('}', at);
    if (close == std::string_view::npos) return false;
    const std::optional<std::string> known = value(text.substr(at + 1, close - at - 1));
    if (!known) return false;
    *out += *known;
    at = close + 1;
  }
  return true;
}

// The characters of a namespace or service name; what a capture takes must be one.
bool IsCapturable(std::string_view run) { return run.size() <= 63 && core::IsName(run, "._-"); }

std::string VerbList(const std::vector<Verb>& verbs) {
  std::string list;
  for (Verb verb : verbs) list += Text(list.empty() ? "" : ",", ToString(verb));
  return list;
}

}  // namespace

Grants::Grants(std::vector<Origin> origins) : origins_(std::move(origins)) {
  std::array<std::vector<core::NamePattern>, kVerbs.size()> patterns;
  for (const Origin& origin : origins_) {
    for (Verb verb : origin.verbs) {
      auto& of_verb = patterns[static_cast<size_t>(verb)];
      of_verb.insert(of_verb.end(), origin.services.patterns().begin(),
                     origin.services.patterns().end());
    }
  }
  // Whoever may register something may keep it alive.
  if (!patterns[static_cast<size_t>(Verb::kRegister)].empty()) {
    patterns[static_cast<size_t>(Verb::kLease)].push_back(*core::NamePattern::Parse("", "*"));
  }
  for (size_t verb = 0; verb < sets_.size(); ++verb) {
    sets_[verb] = std::make_shared<const core::NameSet>(std::move(patterns[verb]));
  }
}

std::string Grants::Explain(std::string_view identity, Verb verb, std::string_view object) const {
  const std::string what =
      Text(ToString(verb), " ", object.empty() ? std::string_view("the registry") : object);
  for (const Origin& origin : origins_) {
    const bool verb_fits =
        std::find(origin.verbs.begin(), origin.verbs.end(), verb) != origin.verbs.end();
    if (verb_fits && origin.services.Contains(object)) {
      return Text("\"", identity, "\" may ", what, ": rule \"", origin.rule, "\" of role ",
                  origin.role, ", which identity \"", origin.identity, "\" has");
    }
  }
  if (Allows(verb, object)) {
    return Text("\"", identity, "\" may ", what, ": who may register may keep leases");
  }
  if (origins_.empty()) {
    return Text("\"", identity, "\" may not ", what, ": no identity of the policy matches it");
  }
  std::string rules;
  for (const Origin& origin : origins_) {
    if (std::find(origin.verbs.begin(), origin.verbs.end(), verb) == origin.verbs.end()) continue;
    rules += Text(rules.empty() ? "" : "; ", "role ", origin.role, " allows ", VerbList({verb}),
                  " on ", origin.services.text());
  }
  if (rules.empty()) {
    std::set<std::string> roles;
    for (const Origin& origin : origins_) roles.insert(origin.role);
    std::string names;
    for (const std::string& role : roles) names += Text(names.empty() ? "" : ", ", role);
    rules = Text("none of its roles (", names, ") has this verb");
  }
  return Text("\"", identity, "\" may not ", what, ": ", rules);
}

absl::StatusOr<Policy::Rule> Policy::CompileRule(const std::string& path, const std::string& text) {
  Rule rule;
  rule.text = text;
  std::vector<std::string> words;
  for (std::string& word : Split(text, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  if (words.empty() || words.size() > 2) {
    return Wrong(path, Text(core::Quoted(text),
                            " is no rule; write VERBS SERVICES, for example \"lookup,watch "
                            "shop/*\""));
  }
  for (const std::string& word : Split(words[0], ',')) {
    if (word == "*") {
      rule.verbs.insert(rule.verbs.end(), kVerbs.begin(), kVerbs.end());
      continue;
    }
    const std::optional<Verb> verb = ParseVerb(word);
    if (!verb) {
      return Wrong(path, Text(core::Quoted(word), " is no verb; there are * and ", VerbNames()));
    }
    rule.verbs.push_back(*verb);
  }
  std::sort(rule.verbs.begin(), rule.verbs.end());
  rule.verbs.erase(std::unique(rule.verbs.begin(), rule.verbs.end()), rule.verbs.end());
  if (words.size() == 1) {
    if (!std::all_of(rule.verbs.begin(), rule.verbs.end(), IsGlobal)) {
      return Wrong(path, Text(core::Quoted(text),
                              " names no services; write them behind the "
                              "verbs, * for all"));
    }
    rule.services = {"*"};
    return rule;
  }
  for (std::string& service : Split(words[1], ',')) {
    // With a name in the place of each capture it must be a pattern.
    std::string sample;
    if (!Substitute(
            service,
            [](std::string_view name) -> std::optional<std::string> {
              if (!core::IsName(name, "_")) return std::nullopt;
              return "x";
            },
            &sample)) {
      return Wrong(path, Text(core::Quoted(service),
                              ": a brace that is no {name} of the identity's pattern"));
    }
    RETURN_IF_ERROR(core::NamePattern::Parse(path, sample).status());
    rule.services.push_back(std::move(service));
  }
  return rule;
}

absl::StatusOr<std::vector<Policy::Part>> Policy::CompileIdentity(const std::string& text) {
  const std::string path = Text("identities.", core::Quoted(text));
  if (text.empty() || text.size() > kIdentitySize || !core::IsPrintable(text)) {
    return Wrong(path, Text("must be 1 to ", kIdentitySize, " printable characters"));
  }
  std::vector<Part> parts(1);
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '*' && text[at] != '{') {
      parts.back().literal += text[at++];
      continue;
    }
    if (parts.size() > 1 && parts.back().literal.empty()) {
      return Wrong(path, "two stars or {names} side by side can be read in several ways");
    }
    if (text[at] == '*') {
      parts.back().capture = "";
      ++at;
    } else {
      const size_t close = text.find('}', at);
      const std::string name =
          close == std::string::npos ? std::string() : text.substr(at + 1, close - at - 1);
      if (!core::IsName(name, "_")) return Wrong(path, "a brace that is no {name}");
      for (const Part& part : parts) {
        if (part.capture == name) return Wrong(path, Text("{", name, "} stands in it twice"));
      }
      parts.back().capture = name;
      at = close + 1;
    }
    parts.emplace_back();
  }
  return parts;
}

bool Policy::Match(const std::vector<Part>& parts, std::string_view identity, Captures* captures) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    if (identity.substr(0, part.literal.size()) != part.literal) return false;
    identity.remove_prefix(part.literal.size());
    if (!part.capture) return identity.empty();
    // The run goes up to the first character that the pattern goes on with, or to the end.
    const std::string& next = parts[i + 1].literal;
    const size_t end = next.empty() ? identity.size() : identity.find(next[0]);
    if (end == std::string_view::npos) return false;
    const std::string_view run = identity.substr(0, end);
    if (run.empty() || run.find('/') != std::string_view::npos) return false;
    if (!part.capture->empty()) {
      if (!IsCapturable(run)) return false;
      captures->emplace(*part.capture, run);
    }
    identity.remove_prefix(end);
  }
  return false;
}

absl::StatusOr<Policy> Policy::Compile(const PolicyText& text) {
  Policy policy;
  if (text.roles.size() > kRolesMax || text.identities.size() > kIdentitiesMax) {
    return Wrong("policy",
                 Text("at most ", kRolesMax, " roles and ", kIdentitiesMax, " identities, are ",
                      text.roles.size(), " and ", text.identities.size()));
  }
  for (const auto& [name, rules] : text.roles) {
    const std::string path = Text("roles.", core::Quoted(name));
    if (!core::IsName(name, "._-") || name.size() > 63) return Wrong(path, "is no name");
    if (rules.size() > kRulesMax) return Wrong(path, Text("at most ", kRulesMax, " rules"));
    auto& compiled = policy.roles_[name];
    if (!compiled.empty()) return Wrong(path, "stands there twice");
    for (size_t i = 0; i < rules.size(); ++i) {
      ASSIGN_OR_RETURN(Rule rule, CompileRule(Text(path, "[", i, "]"), rules[i]));
      compiled.push_back(std::move(rule));
    }
  }
  for (const auto& [identity, roles] : text.identities) {
    const std::string path = Text("identities.", core::Quoted(identity));
    Binding binding{identity, {}, roles};
    ASSIGN_OR_RETURN(binding.parts, CompileIdentity(identity));
    std::set<std::string, std::less<>> captured;
    for (const Part& part : binding.parts) captured.insert(part.capture.value_or(""));
    for (const std::string& role : roles) {
      const auto found = policy.roles_.find(role);
      if (found == policy.roles_.end()) {
        return Wrong(path, Text("role ", core::Quoted(role), " is not among the roles"));
      }
      for (const Rule& rule : found->second) {
        for (const std::string& service : rule.services) {
          std::string ignored;
          if (!Substitute(
                  service,
                  [&](std::string_view name) -> std::optional<std::string> {
                    if (captured.find(name) == captured.end()) return std::nullopt;
                    return "x";
                  },
                  &ignored)) {
            return Wrong(path, Text("role ", role, " speaks of ", core::Quoted(service),
                                    ", which this identity's pattern does not name"));
          }
        }
      }
    }
    if (binding.parts.size() == 1) {
      if (!policy.exact_.emplace(identity, std::move(binding)).second) {
        return Wrong(path, "stands there twice");
      }
    } else {
      policy.identities_.push_back(std::move(binding));
    }
  }
  return policy;
}

std::shared_ptr<const Grants> Policy::Resolve(std::string_view identity) const {
  std::vector<Grants::Origin> origins;
  const auto add = [&](const Binding& binding, const Captures& captures) {
    for (const std::string& role : binding.roles) {
      for (const Rule& rule : roles_.find(role)->second) {
        std::vector<core::NamePattern> services;
        for (const std::string& service : rule.services) {
          std::string name;
          Substitute(
              service,
              [&](std::string_view capture) -> std::optional<std::string> {
                return captures.find(capture)->second;
              },
              &name);
          // A capture may make a name that is too long to be one; then there is none such.
          auto pattern = core::NamePattern::Parse("", name);
          if (pattern.ok()) services.push_back(*std::move(pattern));
        }
        if (services.empty()) continue;
        origins.push_back(
            {binding.text, role, rule.text, rule.verbs, core::NameSet(std::move(services))});
      }
    }
  };
  if (!identity.empty() && identity.size() <= kIdentitySize) {
    if (const auto found = exact_.find(identity); found != exact_.end()) add(found->second, {});
    for (const Binding& binding : identities_) {
      Captures captures;
      if (Match(binding.parts, identity, &captures)) add(binding, captures);
    }
  }
  return std::make_shared<const Grants>(std::move(origins));
}

}  // namespace registryd::operations
