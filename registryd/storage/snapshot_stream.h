// A state as a stream of bounded chunks: what a leader sends to a member that is too far behind,
// and what a backup file holds, chunk after chunk (docs/formats.md).
//
//   SnapshotWriter writer(store->Pin());
//   for (;;) { ASSIGN_OR_RETURN(std::string chunk, writer.Next()); if (chunk.empty()) break; ... }
//
//   ASSIGN_OR_RETURN(auto import, StateImport::Begin(dir));         // removes what lies there
//   RETURN_IF_ERROR(import->Add(chunk));  ...                       // each in order
//   ASSIGN_OR_RETURN(SnapshotHead head, import->Finish());          // synced; open it as a state
//   now
//
// A chunk stands alone: size, checksum, kind, content. The first says what the snapshot is of, the
// last how much there was and the checksum of everything before, so a torn, reordered, doubled or
// damaged stream is refused. Neither side holds more than a chunk and RocksDB's own buffers.
//
// Threads: one at a time. Errors: DATA_LOSS: damaged; FAILED_PRECONDITION: written by a newer
// registryd; RESOURCE_EXHAUSTED: the disk is full, or a record is larger than a chunk may be
// (consensus::kSnapshotChunkMax). An import that is dropped removes its directory.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registryd/consensus/types.h"

namespace registryd::storage {

class StatePicture;

inline constexpr uint32_t kSnapshotFormat = 1;
// A chunk is not much larger than this, unless one record is.
inline constexpr size_t kSnapshotChunkBytes = 256 << 10;

struct SnapshotHead {
  ClusterId cluster;
  Revision revision;
  consensus::SnapshotRecord record;
};

class SnapshotWriter {
 public:
  explicit SnapshotWriter(std::shared_ptr<const StatePicture> picture);
  ~SnapshotWriter();
  // The next chunk; empty: the last one was given.
  absl::StatusOr<std::string> Next();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

class StateImport {
 public:
  static absl::StatusOr<std::unique_ptr<StateImport>> Begin(const std::string& dir);
  ~StateImport();
  absl::Status Add(std::string_view chunk);
  bool complete() const;  // the last chunk was added
  absl::StatusOr<SnapshotHead> Finish();

 private:
  struct Impl;
  explicit StateImport(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

// The next chunk of a file that holds a whole stream; empty at its end. DATA_LOSS: it is cut off,
// or no such file.
absl::StatusOr<std::string> ReadChunk(std::FILE* file, const std::string& path);

}  // namespace registryd::storage
