// Who may do what, and the trace that it leaves. Every operation asks here, so no door can forget
// to.
//
//   RETURN_IF_ERROR(access->Authorize(caller, Verb::kDrain, "shop/web"));   // one named service
//   ASSIGN_OR_RETURN(auto seen, access->Visible(caller, Verb::kLookup));    // a list: show these
//   ...
//   access->Record(caller, Verb::kDrain, "shop/web", revision, status);     // after a change
//
// An operation on a named service calls Authorize. One that shows many services (a list, a watch of
// a prefix, the history of a namespace) calls Visible and shows only what the set contains. One
// that is about the registry as a whole (membership, backup) calls Authorize with the object "".
// After a change, Record; what was denied Authorize and Visible have recorded themselves.
//
// The daemon uses PolicyAccess (policy_access.h). OpenAccess is for tests of what stands behind it:
// it allows everything and writes mutating calls to the debug log. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registryd/base/ids.h"
#include "registryd/core/name_pattern.h"

namespace registryd::operations {

// Who calls, as the door found out.
struct Caller {
  std::string identity;  // empty: nobody said. "spiffe://...", "dns:..." or "jwt:..."
  std::string peer;      // network address
  absl::Status identified = absl::OkStatus();  // else: the call is refused with this
  int64_t expires_ms = 0;      // not 0: the identity is good until then (wall clock)
  int64_t retry_after_ms = 0;  // not 0: refused for a rate; the caller may come again then
};

// Where the caller is, "ipv4:10.0.0.1": without the port, which every connection has anew.
std::string_view AddressOf(const Caller& caller);
// Whose limits count: the identity's or, where nobody is identified, the address's.
std::string_view LimitedAs(const Caller& caller);

enum class Verb : uint8_t {
  kRegister,    // make instances known
  kDeregister,  // take them out
  kUpdate,      // change what they are, and their health
  kLease,       // grant, renew, revoke leases; of the registry as a whole
  kLookup,      // find instances, list services
  kWatch,       // be told of changes
  kDrain,       // take out and wait for the callers
  kOverride,    // set and clear an operator's maintenance
  kHistory,     // changes of the past, and why something is as it is
  kStatus,      // how nodes and cluster are; of the registry as a whole
  kOperate,     // guard, backup, limits, the policy; of the registry as a whole
  kMember,      // add and remove members; of the registry as a whole
};
inline constexpr std::array kVerbs{Verb::kRegister, Verb::kDeregister, Verb::kUpdate,
                                   Verb::kLease,    Verb::kLookup,     Verb::kWatch,
                                   Verb::kDrain,    Verb::kOverride,   Verb::kHistory,
                                   Verb::kStatus,   Verb::kOperate,    Verb::kMember};
std::string_view ToString(Verb verb);  // "register"
std::optional<Verb> ParseVerb(std::string_view word);
std::string VerbNames();  // "register, deregister, ..."

class Access {
 public:
  virtual ~Access() = default;

  // `object` is "namespace/service", or empty for the registry as a whole. PERMISSION_DENIED or
  // UNAUTHENTICATED, recorded already.
  absl::Status Authorize(const Caller& caller, Verb verb, std::string_view object);
  // The services on which the caller may use the verb; null: all. PERMISSION_DENIED where there are
  // none, UNAUTHENTICATED; recorded already.
  absl::StatusOr<std::shared_ptr<const core::NameSet>> Visible(const Caller& caller, Verb verb);
  // Would it be authorized? Leaves no trace; for a choice between two ways, not for a permission.
  bool Allows(const Caller& caller, Verb verb, std::string_view object) {
    return Decide(caller, verb, object).ok();
  }
  // What would be decided for this identity, and why, in a sentence for people.
  struct Explanation {
    bool allowed = false;
    std::string why;
  };
  virtual Explanation Explain(std::string_view identity, Verb verb, std::string_view object) = 0;
  // After each call that changed something or was refused by the state.
  virtual void Record(const Caller& caller, Verb verb, std::string_view object, Revision revision,
                      const absl::Status& result) = 0;

  // Is the caller somebody, and still who it was? Not when its token has expired. For streams, now
  // and then, and for what everybody may do who is identified.
  virtual absl::Status StillIdentified(const Caller& caller) const { return caller.identified; }
  // Grows when what is allowed changes. Whoever goes on for long on an answer of ours (a watch)
  // asks again when it has grown.
  virtual uint64_t epoch() const { return 0; }

 private:
  virtual absl::Status Decide(const Caller& caller, Verb verb, std::string_view object) = 0;
  virtual absl::StatusOr<std::shared_ptr<const core::NameSet>> DecideVisible(const Caller& caller,
                                                                             Verb verb) = 0;
};

class OpenAccess final : public Access {
 public:
  void Record(const Caller& caller, Verb verb, std::string_view object, Revision revision,
              const absl::Status& result) override;
  Explanation Explain(std::string_view identity, Verb verb, std::string_view object) override;

 private:
  absl::Status Decide(const Caller& caller, Verb verb, std::string_view object) override;
  absl::StatusOr<std::shared_ptr<const core::NameSet>> DecideVisible(const Caller& caller,
                                                                     Verb verb) override;
};

}  // namespace registryd::operations
