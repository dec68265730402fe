#include "registryd/operations/policy_access.h"

#include <functional>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/metrics.h"
#include "registryd/base/text.h"

namespace registryd::operations {

void PolicyAccess::SetPolicy(std::shared_ptr<const Policy> policy) {
  {
    MutexLock lock(mutex_);
    policy_ = std::move(policy);
  }
  // After the policy, so that nothing which was resolved from the one before is kept under it.
  ++epoch_;
}

std::shared_ptr<const Policy> PolicyAccess::policy() const {
  MutexLock lock(mutex_);
  return policy_;
}

absl::Status PolicyAccess::StillIdentified(const Caller& caller) const {
  RETURN_IF_ERROR(caller.identified);
  if (!open() && caller.identity.empty()) {
    return absl::UnauthenticatedError(
        "nobody is identified; call with a client certificate or a token");
  }
  if (caller.expires_ms != 0 && caller.expires_ms <= parts_.clock->WallMs()) {
    return absl::UnauthenticatedError(
        "the token of this call has expired; call again with a new one");
  }
  return absl::OkStatus();
}

std::shared_ptr<const Grants> PolicyAccess::GrantsOf(std::string_view identity) {
  const uint64_t epoch = epoch_;
  Shard& shard = shards_[std::hash<std::string_view>()(identity) % kShards];
  {
    MutexLock lock(shard.mutex);
    if (shard.epoch == epoch) {
      const auto found = shard.grants.find(absl::string_view(identity.data(), identity.size()));
      if (found != shard.grants.end()) return found->second;
    }
  }
  const std::shared_ptr<const Policy> present = policy();
  if (present == nullptr) return nullptr;
  std::shared_ptr<const Grants> grants = present->Resolve(identity);
  MutexLock lock(shard.mutex);
  if (shard.epoch < epoch || shard.grants.size() >= kKept / kShards) {
    shard.grants.clear();
    shard.epoch = epoch;
  }
  if (shard.epoch == epoch) shard.grants[std::string(identity)] = grants;
  return grants;
}

absl::Status PolicyAccess::Decide(const Caller& caller, Verb verb, std::string_view object) {
  RETURN_IF_ERROR(StillIdentified(caller));
  if (open()) return absl::OkStatus();
  const std::shared_ptr<const Grants> grants = GrantsOf(caller.identity);
  if (grants == nullptr || grants->Allows(verb, object)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      Text("\"", caller.identity, "\" may not ", ToString(verb), " ",
           object.empty() ? std::string_view("the registry") : object,
           "; the policy has no rule that allows it"));
}

absl::StatusOr<std::shared_ptr<const core::NameSet>> PolicyAccess::DecideVisible(
    const Caller& caller, Verb verb) {
  RETURN_IF_ERROR(StillIdentified(caller));
  if (open()) return nullptr;
  const std::shared_ptr<const Grants> grants = GrantsOf(caller.identity);
  if (grants == nullptr || grants->Allows(verb, {})) return nullptr;
  if (grants->Services(verb)->empty()) {
    return absl::PermissionDeniedError(Text("\"", caller.identity, "\" may not ", ToString(verb),
                                            " anything; the policy has no rule that allows it"));
  }
  return grants->Services(verb);
}

Access::Explanation PolicyAccess::Explain(std::string_view identity, Verb verb,
                                          std::string_view object) {
  const std::shared_ptr<const Grants> grants = GrantsOf(identity);
  if (grants == nullptr) return {true, "there is no policy: everything is allowed to everybody"};
  return {grants->Allows(verb, object), grants->Explain(identity, verb, object)};
}

void PolicyAccess::Record(const Caller& caller, Verb verb, std::string_view object,
                          Revision revision, const absl::Status& result) {
  const auto count = [](const char* why) -> metrics::Counter& {
    return metrics::GetCounter("registryd_refused_total", "Calls that were refused, by why.",
                               {{"why", why}});
  };
  static metrics::Counter& denied = count("permission_denied");
  static metrics::Counter& unauthenticated = count("unauthenticated");
  static metrics::Counter& limited = count("limit");
  if (result.code() == absl::StatusCode::kPermissionDenied) denied.Add();
  if (result.code() == absl::StatusCode::kUnauthenticated) unauthenticated.Add();
  if (result.code() == absl::StatusCode::kResourceExhausted) limited.Add();
  if (parts_.audit != nullptr) {
    parts_.audit->Write(caller, verb, object, revision, result);
  } else {
    log::Debug("call", {{"verb", ToString(verb)},
                        {"object", object},
                        {"identity", caller.identity},
                        {"peer", caller.peer},
                        {"revision", revision},
                        {"result", result}});
  }
}

}  // namespace registryd::operations
