#include "registryd/server/feature_upkeep.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "registry/v1/cluster.pb.h"
#include "registryd/base/log.h"
#include "registryd/base/mutex.h"
#include "registryd/server/member_status.h"
#include "registryd/wire/command_codec.h"

namespace registryd::server {

struct FeatureUpkeep::Asked {
  Mutex mutex;
  size_t open ABSL_GUARDED_BY(mutex) = 0;
  uint32_t level ABSL_GUARDED_BY(mutex) = wire::ThisBuild().feature_level;
};

void FeatureUpkeep::Tick() {
  if (!parts_.replica->leadership().ready) return;
  const uint32_t now = parts_.replica->view()->counters.feature_level;
  if (now >= wire::ThisBuild().feature_level) return;
  const std::vector<NodeId> members = parts_.members();
  auto asked = std::make_shared<Asked>();
  {
    MutexLock lock(asked->mutex);
    asked->open = members.size();
  }
  for (const NodeId member : members) {
    parts_.calls->Call(member, MemberStatus::kMethod, {}, MemberStatus::kAskMs,
                       [this, asked, now](const absl::StatusOr<std::string>& answer) {
                         registry::v1::Member said;
                         const bool read = answer.ok() && said.ParseFromString(*answer);
                         uint32_t level = 0;
                         {
                           MutexLock lock(asked->mutex);
                           // An older build says nothing of it and knows the first level.
                           asked->level =
                               std::min(asked->level,
                                        read ? std::max<uint32_t>(1, said.feature_level()) : 0);
                           if (--asked->open > 0) return;
                           level = asked->level;
                         }
                         if (level > now) Propose(level);
                       });
  }
}

void FeatureUpkeep::Propose(uint32_t level) {
  // Whatever becomes of it, the next round looks again.
  parts_.proposer->Propose(wire::EncodeCommand({}, "registryd", core::RaiseFeatureLevel{level}),
                           [level](const absl::StatusOr<consensus::Applied>& applied) {
                             if (applied.ok()) {
                               log::Info("the feature level was raised", {{"level", level}});
                             }
                           });
}

}  // namespace registryd::server
