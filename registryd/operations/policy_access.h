// Access by a policy, with an audit log. What a daemon uses; without a policy it allows everything.
//
//   PolicyAccess access({.clock = &clock, .audit = audit.get()});
//   access.SetPolicy(std::make_shared<const Policy>(*std::move(policy)));   // again at any time
//
// What an identity may do is resolved once and kept until the policy changes (at most kKept
// identities), so a decision costs a short lock, a hash lookup and some comparisons. Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "registryd/base/clock.h"
#include "registryd/base/mutex.h"
#include "registryd/operations/access.h"
#include "registryd/operations/audit_log.h"
#include "registryd/operations/policy.h"

namespace registryd::operations {

class PolicyAccess final : public Access {
 public:
  static constexpr size_t kKept = 16'384;

  struct Parts {
    const Clock* clock = nullptr;
    AuditLog* audit = nullptr;  // null: the debug log
  };
  explicit PolicyAccess(Parts parts) : parts_(parts) {}

  void SetPolicy(std::shared_ptr<const Policy> policy);
  bool open() const { return epoch_ == 0; }

  void Record(const Caller& caller, Verb verb, std::string_view object, Revision revision,
              const absl::Status& result) override;
  absl::Status StillIdentified(const Caller& caller) const override;
  uint64_t epoch() const override { return epoch_; }
  Explanation Explain(std::string_view identity, Verb verb, std::string_view object) override;

 private:
  struct Shard {
    Mutex mutex;
    uint64_t epoch ABSL_GUARDED_BY(mutex) = 0;
    absl::flat_hash_map<std::string, std::shared_ptr<const Grants>> grants ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 16;

  absl::Status Decide(const Caller& caller, Verb verb, std::string_view object) override;
  absl::StatusOr<std::shared_ptr<const core::NameSet>> DecideVisible(const Caller& caller,
                                                                     Verb verb) override;
  std::shared_ptr<const Grants> GrantsOf(std::string_view identity);
  std::shared_ptr<const Policy> policy() const;

  const Parts parts_;
  std::atomic<uint64_t> epoch_{0};
  mutable Mutex mutex_;
  std::shared_ptr<const Policy> policy_ ABSL_GUARDED_BY(mutex_);
  std::array<Shard, kShards> shards_;
};

}  // namespace registryd::operations
