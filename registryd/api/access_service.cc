#include "registryd/api/access_service.h"

#include <optional>
#include <string>

#include "registryd/api/call.h"
#include "registryd/api/lookup_codec.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"
#include "registryd/operations/policy.h"

namespace registryd::api {
namespace {

using operations::Verb;

absl::Status Answer(operations::Access& access, const operations::Caller& caller,
                    const registry::v1::CheckAccessRequest& request,
                    registry::v1::CheckAccessResponse* response) {
  RETURN_IF_ERROR(access.StillIdentified(caller));
  const std::optional<Verb> verb = operations::ParseVerb(request.verb());
  if (!verb) {
    return absl::InvalidArgumentError(Text("verb: ", core::Quoted(request.verb()),
                                           " is none; there are ", operations::VerbNames()));
  }
  if (request.identity().size() > operations::Policy::kIdentitySize ||
      !core::IsPrintable(request.identity())) {
    return absl::InvalidArgumentError(Text("identity: must be printable and at most ",
                                           operations::Policy::kIdentitySize, " bytes"));
  }
  std::string object;
  if (!request.namespace_().empty() || !request.service().empty()) {
    ASSIGN_OR_RETURN(object, ServiceNameFromApi(request.namespace_(), request.service()));
  }
  const bool about_itself = request.identity().empty() || request.identity() == caller.identity;
  if (!about_itself) RETURN_IF_ERROR(access.Authorize(caller, Verb::kOperate, {}));
  const std::string& identity = about_itself ? caller.identity : request.identity();
  const operations::Access::Explanation explanation = access.Explain(identity, *verb, object);
  response->set_allowed(explanation.allowed);
  response->set_why(explanation.why);
  response->set_identity(identity);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AccessService::Check(grpc::CallbackServerContext* context,
                                               const registry::v1::CheckAccessRequest* request,
                                               registry::v1::CheckAccessResponse* response) {
  const CountedCall call(context->DefaultReactor(), check_);
  call.Finish(Answer(*access_, CallerOf(*context), *request, response));
  return call.reactor();
}

}  // namespace registryd::api
