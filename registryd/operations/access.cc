#include "registryd/operations/access.h"

#include "registryd/base/log.h"
#include "registryd/base/text.h"

namespace registryd::operations {

std::string_view ToString(Verb verb) {
  switch (verb) {
    case Verb::kRegister:
      return "register";
    case Verb::kDeregister:
      return "deregister";
    case Verb::kUpdate:
      return "update";
    case Verb::kLease:
      return "lease";
    case Verb::kLookup:
      return "lookup";
    case Verb::kWatch:
      return "watch";
    case Verb::kDrain:
      return "drain";
    case Verb::kOverride:
      return "override";
    case Verb::kHistory:
      return "history";
    case Verb::kStatus:
      return "status";
    case Verb::kOperate:
      return "operate";
    case Verb::kMember:
      return "member";
  }
  return "unknown";
}

std::string_view AddressOf(const Caller& caller) {
  return std::string_view(caller.peer).substr(0, caller.peer.rfind(':'));
}

std::string_view LimitedAs(const Caller& caller) {
  return caller.identity.empty() ? AddressOf(caller) : std::string_view(caller.identity);
}

std::optional<Verb> ParseVerb(std::string_view word) {
  for (Verb verb : kVerbs) {
    if (word == ToString(verb)) return verb;
  }
  return std::nullopt;
}

std::string VerbNames() {
  std::string names;
  for (Verb verb : kVerbs) names += Text(names.empty() ? "" : ", ", ToString(verb));
  return names;
}

absl::Status Access::Authorize(const Caller& caller, Verb verb, std::string_view object) {
  absl::Status allowed = Decide(caller, verb, object);
  if (!allowed.ok()) Record(caller, verb, object, Revision(), allowed);
  return allowed;
}

absl::StatusOr<std::shared_ptr<const core::NameSet>> Access::Visible(const Caller& caller,
                                                                     Verb verb) {
  auto visible = DecideVisible(caller, verb);
  if (!visible.ok()) Record(caller, verb, {}, Revision(), visible.status());
  return visible;
}

absl::Status OpenAccess::Decide(const Caller&, Verb, std::string_view) { return absl::OkStatus(); }

absl::StatusOr<std::shared_ptr<const core::NameSet>> OpenAccess::DecideVisible(const Caller&,
                                                                               Verb) {
  return nullptr;
}

Access::Explanation OpenAccess::Explain(std::string_view, Verb, std::string_view) {
  return {true, "there is no policy: everything is allowed to everybody"};
}

void OpenAccess::Record(const Caller& caller, Verb verb, std::string_view object, Revision revision,
                        const absl::Status& result) {
  // Asked first: making the fields costs more than the rest of a small call.
  if (!log::Enabled(log::Level::kDebug)) return;
  log::Debug("call", {{"verb", ToString(verb)},
                      {"object", object},
                      {"peer", caller.peer},
                      {"revision", revision},
                      {"result", result}});
}

}  // namespace registryd::operations
