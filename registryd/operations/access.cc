#include "registryd/operations/access.h"

#include "registryd/base/log.h"

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
    case Verb::kOperate:
      return "operate";
  }
  return "unknown";
}

absl::Status OpenAccess::Authorize(const Caller&, Verb, std::string_view) {
  return absl::OkStatus();
}

void OpenAccess::Record(const Caller& caller, Verb verb, std::string_view object, Revision revision,
                        const absl::Status& result) {
  log::Debug("call", {{"verb", ToString(verb)},
                      {"object", object},
                      {"peer", caller.peer},
                      {"revision", revision},
                      {"result", result}});
}

}  // namespace registryd::operations
