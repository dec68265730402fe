#include "registryd/server/recovery.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/random.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"
#include "registryd/core/registry.h"
#include "registryd/storage/directory.h"
#include "registryd/storage/snapshot_stream.h"
#include "registryd/storage/state_store.h"

namespace registryd::server {
namespace {

absl::StatusOr<storage::SnapshotHead> Import(const std::string& file, const std::string& dir) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rb"),
                                                           &std::fclose);
  if (in == nullptr) return storage::FileError("opening", file, errno);
  ASSIGN_OR_RETURN(auto import, storage::StateImport::Begin(dir));
  for (;;) {
    ASSIGN_OR_RETURN(const std::string chunk, storage::ReadChunk(in.get(), file));
    if (chunk.empty()) break;
    if (absl::Status status = import->Add(chunk); !status.ok()) {
      return absl::Status(status.code(), Text(file, ": ", std::string(status.message())));
    }
  }
  if (!import->complete()) return absl::DataLossError(Text(file, " is cut off"));
  return import->Finish();
}

// Gives the state in `dir` a new cluster id, and these members where they are given.
absl::Status Rename(const std::string& dir, ClusterId cluster, LogIndex configuration_index,
                    const consensus::Payload& configuration) {
  ASSIGN_OR_RETURN(auto store, storage::StateStore::Open(dir));
  core::Registry registry;
  ASSIGN_OR_RETURN(const auto position, store->Load(&registry));
  if (!position.index) return absl::OkStatus();  // it gets the id when it is first started
  registry.SetCluster(cluster);
  storage::StateBatch batch;
  if (configuration != nullptr) batch.SetConfiguration(configuration_index, configuration);
  store->Commit(batch, registry.counters(), position);
  store->Sync();
  return absl::OkStatus();
}

}  // namespace

absl::Status RestoreBackup(const std::string& file, const storage::DataDir& data_dir,
                           storage::RocksLogStore& log, const storage::NodeIdentity& identity,
                           const std::string& peer_address) {
  constexpr uint64_t kGeneration = 1;
  const std::string dir = data_dir.StateDir(kGeneration);
  ASSIGN_OR_RETURN(const storage::SnapshotHead head, Import(file, dir));
  const consensus::Configuration members = {{identity.node, peer_address}};
  ASSIGN_OR_RETURN(const consensus::Payload configuration, consensus::EncodeConfiguration(members));
  RETURN_IF_ERROR(Rename(dir, identity.cluster, head.record.index, configuration));
  RETURN_IF_ERROR(log.Restore(
      identity, {head.record.index, head.record.term, members, head.record.index}, kGeneration));
  log::Info("restored a backup", {{"file", file},
                                  {"revision", head.revision},
                                  {"former_cluster", head.cluster},
                                  {"cluster", identity.cluster}});
  return absl::OkStatus();
}

absl::Status ForceNewCluster(const storage::DataDir& data_dir, storage::RocksLogStore& log,
                             const std::string& peer_address, storage::NodeIdentity* identity) {
  const consensus::Configuration members = {{identity->node, peer_address}};
  ASSIGN_OR_RETURN(const consensus::Configuration now, log.NewestConfiguration());
  if (now.size() == 1 && now[0].id == identity->node) {
    log::Warning("this node is the only member already; take --force-new-cluster away");
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const consensus::Payload configuration, consensus::EncodeConfiguration(members));
  ASSIGN_OR_RETURN(const uint64_t generation, log.LoadGeneration());
  storage::NodeIdentity next = *identity;
  next.cluster = ClusterId(RandomId());
  // The state first: what is left by a crash in between is refused at a start without the option,
  // and made anew by one with it.
  RETURN_IF_ERROR(Rename(data_dir.StateDir(generation), next.cluster, LogIndex(), nullptr));
  RETURN_IF_ERROR(log.ForceNewCluster(next, configuration));
  log::Warning("a new cluster was forced; the other members are forgotten",
               {{"former_cluster", identity->cluster},
                {"cluster", next.cluster},
                {"members_lost", now.size() - 1}});
  *identity = std::move(next);
  return absl::OkStatus();
}

}  // namespace registryd::server
