// The data directory: made with mode 0700, and held by one process at a time.
//
//   <dir>/LOCK    flock; holds "pid name" of the daemon that has it
//   <dir>/log/    RocksDB: Raft log, term, vote, identity
//   <dir>/state/  RocksDB: instances, leases, applied index
//   <dir>/members who the other members are (known_members.h)
//   <dir>/state-N/  the same, once a snapshot replaced it N times; the log says which one counts
//
//   ASSIGN_OR_RETURN(auto data, DataDir::Lock("/var/lib/registryd", "a"));
//   ASSIGN_OR_RETURN(auto log, RocksLogStore::Open({.dir = data->log_dir()}));
//
// The lock ends with this object or with the process, kill -9 included. Threads: any.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace registryd::storage {

class DataDir {
 public:
  // FAILED_PRECONDITION naming the other process's pid and node when the directory is in use;
  // PERMISSION_DENIED, NOT_FOUND and so on with the path and what to do.
  static absl::StatusOr<std::unique_ptr<DataDir>> Lock(const std::string& dir,
                                                       const std::string& node_name);
  ~DataDir();
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  const std::string& dir() const { return dir_; }
  std::string log_dir() const { return dir_ + "/log"; }
  std::string members_file() const { return dir_ + "/members"; }
  // Of the generation that the log names (RocksLogStore::LoadGeneration).
  std::string StateDir(uint64_t generation) const;
  // Removes the states of all other generations: what an installed snapshot replaced, and what a
  // transfer left that was not finished.
  absl::Status RemoveOtherStates(uint64_t generation) const;

 private:
  DataDir(std::string dir, int fd) : dir_(std::move(dir)), fd_(fd) {}
  std::string dir_;
  int fd_;
};

}  // namespace registryd::storage
