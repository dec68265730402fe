// Who may do what, and the trace that it leaves. Every operation asks here, so no door can forget
// to.
//
// OpenAccess is what a daemon on loopback uses: it allows everything and writes mutating calls to
// the debug log. Identity, policy and the audit file take its place without a change in any door.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "registryd/base/ids.h"

namespace registryd::operations {

// Who calls, as the door found out.
struct Caller {
  std::string identity;  // empty: nobody said
  std::string peer;      // network address
};

enum class Verb { kRegister, kDeregister, kUpdate, kLease, kLookup, kOperate };
std::string_view ToString(Verb verb);

class Access {
 public:
  virtual ~Access() = default;
  // `object` is "namespace/service", or empty for the registry as a whole. PERMISSION_DENIED or
  // UNAUTHENTICATED.
  virtual absl::Status Authorize(const Caller& caller, Verb verb, std::string_view object) = 0;
  // After each mutating call, and each that was denied.
  virtual void Record(const Caller& caller, Verb verb, std::string_view object, Revision revision,
                      const absl::Status& result) = 0;
};

class OpenAccess final : public Access {
 public:
  absl::Status Authorize(const Caller& caller, Verb verb, std::string_view object) override;
  void Record(const Caller& caller, Verb verb, std::string_view object, Revision revision,
              const absl::Status& result) override;
};

}  // namespace registryd::operations
