#include "registry/admin.h"

#include <utility>

#include "client/local/convert.h"
#include "client/src/client_core.h"
#include "registry/v1/access.grpc.pb.h"
#include "registry/v1/cluster.grpc.pb.h"
#include "registry/v1/node.grpc.pb.h"

namespace registry {
namespace {

MemberRole ToRole(v1::Member::Role role) {
  switch (role) {
    case v1::Member::ROLE_LEADER:
      return MemberRole::kLeader;
    case v1::Member::ROLE_FOLLOWER:
      return MemberRole::kFollower;
    case v1::Member::ROLE_CANDIDATE:
      return MemberRole::kCandidate;
    default:  // also numbers of a newer registry
      return MemberRole::kUnspecified;
  }
}

const char* ToSuffrage(v1::Member::Suffrage suffrage) {
  switch (suffrage) {
    case v1::Member::SUFFRAGE_STANDBY:
      return "standby";
    case v1::Member::SUFFRAGE_SPARE:
      return "spare";
    default:  // also numbers of a newer registry
      return "voter";
  }
}

}  // namespace

const char* ToString(MemberRole role) {
  switch (role) {
    case MemberRole::kLeader:
      return "leader";
    case MemberRole::kFollower:
      return "follower";
    case MemberRole::kCandidate:
      return "candidate";
    case MemberRole::kUnspecified:
      break;
  }
  return "unspecified";
}

absl::StatusOr<std::unique_ptr<Admin>> Admin::Create(ClientOptions options) {
  auto core = ClientCore::Create(std::move(options));
  if (!core.ok()) return core.status();
  return std::unique_ptr<Admin>(new Admin(*std::move(core)));
}

Admin::Admin(std::shared_ptr<ClientCore> core) : core_(std::move(core)) {}

Admin::~Admin() = default;

absl::StatusOr<ClusterStatus> Admin::Status() {
  v1::StatusResponse response;
  ClusterStatus result;
  const absl::Status status =
      core_->servers().Call({.name = "Status", .timeout = core_->timeout()},
                            [&](const Server& server, grpc::ClientContext* context) {
                              result.server = server.address;
                              return v1::Cluster::NewStub(server.channel)
                                  ->Status(context, v1::StatusRequest(), &response);
                            });
  if (!status.ok()) return status;
  result.info = ToInfo(response.info());
  result.node = response.node();
  result.version = response.version();
  result.leader = response.leader();
  for (const v1::Member& member : response.members()) {
    result.members.push_back({.name = member.name(),
                              .node_id = member.node_id(),
                              .address = member.address(),
                              .role = ToRole(member.role()),
                              .term = member.term(),
                              .applied_index = member.applied_index(),
                              .last_index = member.last_index(),
                              .digest = member.digest(),
                              .reachable = member.reachable(),
                              .lag_ms = member.lag_ms(),
                              .suffrage = ToSuffrage(member.suffrage())});
  }
  result.services = response.services();
  result.instances = response.instances();
  result.leases = response.leases();
  result.uptime = absl::Milliseconds(response.uptime_ms());
  return result;
}

absl::StatusOr<LogLevel> Admin::SetLogLevel(const std::string& level) {
  v1::SetLogLevelRequest request;
  request.set_level(level);
  v1::SetLogLevelResponse response;
  const absl::Status status = core_->servers().Call(
      {.name = "SetLogLevel", .timeout = core_->timeout()},
      [&](const Server& server, grpc::ClientContext* context) {
        return v1::Node::NewStub(server.channel)->SetLogLevel(context, request, &response);
      });
  if (!status.ok()) return status;
  return LogLevel{.node = response.node(), .level = response.level(), .before = response.before()};
}

absl::StatusOr<AccessAnswer> Admin::CheckAccess(const AccessQuery& query) {
  v1::CheckAccessRequest request;
  request.set_identity(query.identity);
  request.set_verb(query.verb);
  request.set_namespace_(query.ns);
  request.set_service(query.service);
  v1::CheckAccessResponse response;
  const absl::Status status = core_->servers().Call(
      {.name = "CheckAccess", .timeout = core_->timeout()},
      [&](const Server& server, grpc::ClientContext* context) {
        return v1::Access::NewStub(server.channel)->Check(context, request, &response);
      });
  if (!status.ok()) return status;
  return AccessAnswer{response.allowed(), response.why(), response.identity()};
}

const std::vector<std::string>& Admin::servers() const { return core_->options().servers; }

}  // namespace registry
