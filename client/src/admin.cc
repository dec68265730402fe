#include "registry/admin.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/local/convert.h"
#include "client/src/ask.h"
#include "client/src/client_core.h"
#include "registry/v1/access.grpc.pb.h"
#include "registry/v1/administration.grpc.pb.h"
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

v1::ChangeMemberRequest::Change ToChange(MemberChange change) {
  switch (change) {
    case MemberChange::kAdd:
      return v1::ChangeMemberRequest::CHANGE_ADD;
    case MemberChange::kPromote:
      return v1::ChangeMemberRequest::CHANGE_PROMOTE;
    case MemberChange::kDemote:
      return v1::ChangeMemberRequest::CHANGE_DEMOTE;
    case MemberChange::kRemove:
      return v1::ChangeMemberRequest::CHANGE_REMOVE;
    case MemberChange::kTransfer:
      break;
  }
  return v1::ChangeMemberRequest::CHANGE_TRANSFER;
}

// A file that has its name only once it is whole.
class DraftFile {
 public:
  explicit DraftFile(const std::string& path)
      : path_(path), draft_(absl::StrCat(path, ".partial")) {
    fd_ = ::open(draft_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd_ < 0) Failed("creating");
  }
  ~DraftFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!kept_) ::unlink(draft_.c_str());
  }
  bool Write(const std::string& bytes) {
    for (size_t at = 0; status_.ok() && at < bytes.size();) {
      const ssize_t wrote = ::write(fd_, bytes.data() + at, bytes.size() - at);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) {
        Failed("writing");
      } else {
        at += static_cast<size_t>(wrote);
      }
    }
    return status_.ok();
  }
  absl::Status Keep() {
    if (status_.ok() && ::fsync(fd_) != 0) Failed("syncing");
    if (status_.ok() && std::rename(draft_.c_str(), path_.c_str()) != 0) Failed("renaming");
    kept_ = status_.ok();
    return status_;
  }
  const absl::Status& status() const { return status_; }

 private:
  void Failed(const char* doing) {
    const std::string what = absl::StrCat(doing, " ", draft_, ": ", std::strerror(errno));
    status_ =
        errno == ENOSPC ? absl::ResourceExhaustedError(what) : absl::FailedPreconditionError(what);
  }
  const std::string path_;
  const std::string draft_;
  int fd_ = -1;
  bool kept_ = false;
  absl::Status status_;
};

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
  result.feature_level = response.feature_level();
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
                              .suffrage = ToSuffrage(member.suffrage()),
                              .divergence = member.divergence()});
  }
  result.services = response.services();
  result.instances = response.instances();
  result.leases = response.leases();
  result.uptime = absl::Milliseconds(response.uptime_ms());
  result.insecure = response.insecure();
  return result;
}

absl::StatusOr<LogLevel> Admin::SetLogLevel(const std::string& level) {
  v1::SetLogLevelRequest request;
  request.set_level(level);
  v1::SetLogLevelResponse response;
  const absl::Status status = Ask<v1::Node>(
      *core_, "SetLogLevel", false, &v1::Node::StubInterface::SetLogLevel, request, &response);
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
  const absl::Status status = Ask<v1::Access>(
      *core_, "CheckAccess", false, &v1::Access::StubInterface::Check, request, &response);
  if (!status.ok()) return status;
  return AccessAnswer{response.allowed(), response.why(), response.identity()};
}

absl::Status Admin::ChangeMember(const MemberChangeOptions& options) {
  v1::ChangeMemberRequest request;
  request.set_change(ToChange(options.change));
  request.set_node_id(options.node_id);
  request.set_address(options.address);
  request.set_force(options.force);
  v1::ChangeMemberResponse response;
  return Ask<v1::Administration>(*core_, "ChangeMember", true,
                                 &v1::Administration::StubInterface::ChangeMember, request,
                                 &response);
}

absl::StatusOr<uint64_t> Admin::Backup(const std::string& path, absl::Duration timeout) {
  uint64_t bytes = 0;
  absl::Status written;
  const absl::Status status = core_->servers().Call(
      {.name = "Backup", .timeout = ToSteady(timeout)},
      [&](const Server& server, grpc::ClientContext* context) {
        DraftFile file(path);
        bytes = 0;
        bool last = false;
        v1::BackupChunk chunk;
        const auto stub = v1::Administration::NewStub(server.channel);
        const auto reader = stub->Backup(context, v1::BackupRequest());
        while (file.status().ok() && reader->Read(&chunk)) {
          file.Write(chunk.data());
          bytes += chunk.data().size();
          last = chunk.last();
        }
        if (!file.status().ok()) context->TryCancel();
        grpc::Status ended = reader->Finish();
        if (ended.ok() && !last) {
          ended = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the backup was cut off");
        }
        written = ended.ok() ? file.Keep() : file.status();
        // An error of the file is ours, and no reason to ask another server.
        return written.ok() ? ended : grpc::Status::OK;
      });
  if (!written.ok()) return written;
  if (!status.ok()) return status;
  return bytes;
}

const std::vector<std::string>& Admin::servers() const { return core_->options().servers; }

}  // namespace registry
