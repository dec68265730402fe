#include "registryd/server/member_status.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "registryd/base/mutex.h"

namespace registryd::server {
namespace {

using registry::v1::Member;

struct Gathering {
  Mutex mutex;
  std::vector<Member> members ABSL_GUARDED_BY(mutex);
  size_t open ABSL_GUARDED_BY(mutex) = 0;
  NodeId leader;
  registry::v1::StatusResponse* out;
  absl::AnyInvocable<void() &&> done;

  void Answer(size_t i, absl::StatusOr<std::string> reply) {
    {
      MutexLock lock(mutex);
      Member& member = members[i];
      Member read;
      if (reply.ok() && read.ParseFromString(*reply)) {
        read.set_node_id(member.node_id());
        read.set_address(member.address());
        read.set_suffrage(member.suffrage());
        read.set_divergence(member.divergence());
        read.set_reachable(true);
        member = std::move(read);
      }
      if (--open > 0) return;
    }
    Finish();
  }

  void Finish() {
    {
      MutexLock lock(mutex);
      std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
        return std::pair(a.name(), a.node_id()) < std::pair(b.name(), b.node_id());
      });
      for (Member& member : members) {
        if (leader && NodeId(member.node_id()) == leader) out->set_leader(member.name());
        *out->add_members() = std::move(member);
      }
    }
    std::move(done)();
  }
};

Member::Suffrage ToApi(consensus::Suffrage suffrage) {
  switch (suffrage) {
    case consensus::Suffrage::kVoter:
      return Member::SUFFRAGE_VOTER;
    case consensus::Suffrage::kStandby:
      return Member::SUFFRAGE_STANDBY;
    case consensus::Suffrage::kSpare:
      break;
  }
  return Member::SUFFRAGE_SPARE;
}

}  // namespace

void MemberStatus::Serve() {
  // The public message travels as it is: what a member says of itself is what a client is told.
  parts_.peers->Handle(kMethod, [this](consensus::PeerRequest, consensus::PeerReply reply) {
    std::move(reply)(parts_.mine().SerializeAsString());
  });
}

void MemberStatus::Describe(registry::v1::StatusResponse* out,
                            absl::AnyInvocable<void() &&> done) const {
  const consensus::RaftStatus raft = parts_.raft();
  auto gathering = std::make_shared<Gathering>();
  gathering->leader = raft.leader;
  gathering->out = out;
  gathering->done = std::move(done);
  std::vector<NodeId> ask;
  {
    MutexLock lock(gathering->mutex);
    for (const consensus::Server& server : *raft.configuration) {
      Member member;
      member.set_node_id(server.id.value());
      member.set_name(parts_.name_of(server.id));
      member.set_address(server.address);
      member.set_suffrage(ToApi(server.suffrage));
      member.set_divergence(parts_.divergence_of(server.id));
      gathering->members.push_back(std::move(member));
      ask.push_back(server.id);
    }
    gathering->open = ask.size();
  }
  if (ask.empty()) return gathering->Finish();  // a node that has not heard from its cluster yet
  for (size_t i = 0; i < ask.size(); ++i) {
    parts_.peers->Call(ask[i], kMethod, {}, kAskMs,
                       [gathering, i](absl::StatusOr<std::string> reply) {
                         gathering->Answer(i, std::move(reply));
                       });
  }
}

}  // namespace registryd::server
