#include "registryd/storage/known_members.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/storage/directory.h"

namespace registryd::storage {

absl::StatusOr<std::unique_ptr<KnownMembers>> KnownMembers::Open(const std::string& path,
                                                                 ClusterId cluster) {
  std::unique_ptr<KnownMembers> known(new KnownMembers(path, cluster));
  std::ifstream file(path);
  if (!file) return known;
  const absl::Status damaged = absl::DataLossError(
      Text(path,
           " cannot be read as the list of known members; if the disk is sound, delete the "
           "file"));
  std::string word;
  uint64_t id = 0;
  std::string line;
  if (!std::getline(file, line)) return damaged;
  std::istringstream head(line);
  if (!(head >> word >> id) || word != "cluster") return damaged;
  if (ClusterId(id) != cluster) return known;
  MutexLock lock(known->mutex_);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    Member member;
    if (!(fields >> id >> member.data_id) || id == 0) return damaged;
    std::getline(fields >> std::ws, member.name);
    known->members_[NodeId(id)] = std::move(member);
  }
  return known;
}

absl::Status KnownMembers::Meet(NodeId node, const std::string& name, uint64_t data_id) {
  MutexLock lock(mutex_);
  Member& member = members_[node];
  // With certificates this is what binds an id to the name that was proved.
  if (!member.name.empty() && member.name != name) {
    return absl::PermissionDeniedError(Text("node ", node, " is \"", member.name, "\", and \"",
                                            name,
                                            "\" says it is that node; a name does not change"));
  }
  if (member.data_id == data_id) return absl::OkStatus();
  if (member.data_id != 0) {
    return absl::FailedPreconditionError(
        Text("node \"", name, "\" (", node,
             ") comes with other data than the cluster knows it by: its data directory was lost or "
             "replaced. What it had acknowledged is gone with it, so it cannot go on as before: "
             "remove the member, empty its data directory, and start it with --join"));
  }
  member = {data_id, name};
  while (members_.size() > kMembersMax) {
    members_.erase(members_.begin()->first == node ? std::next(members_.begin())
                                                   : members_.begin());
  }
  return Write();
}

void KnownMembers::Name(NodeId node, const std::string& name) {
  MutexLock lock(mutex_);
  Member& member = members_[node];
  if (member.name.empty()) member.name = name;
}

std::string KnownMembers::NameOf(NodeId node) const {
  MutexLock lock(mutex_);
  const auto found = members_.find(node);
  return found == members_.end() ? std::string() : found->second.name;
}

absl::Status KnownMembers::Write() const {
  const std::string draft = Text(path_, ".draft");
  std::ofstream file(draft, std::ios::trunc);
  file << "cluster " << cluster_ << "\n";
  for (const auto& [node, member] : members_) {
    file << node << " " << member.data_id << " " << member.name << "\n";
  }
  file.close();
  if (!file) return FileError("writing", draft, EIO);
  RETURN_IF_ERROR(SyncPath(draft));
  if (std::rename(draft.c_str(), path_.c_str()) != 0) return FileError("renaming", draft, errno);
  return SyncPath(path_.substr(0, path_.rfind('/')));
}

}  // namespace registryd::storage
