// Snapshots between members: chunks as requests of peer_calls.h, which have a connection of their
// own, so that no heartbeat waits behind one.
//
//   SnapshotTransfers transfers({&calls, &snapshots, &worker, &clock}, {});
//   worker.Every(10, [&] { transfers.Tick(); });             // before the worker starts
//   RaftThread raft({.snapshots = &transfers, ...});
//   transfers.Start(&raft);                                  // before the peers are served
//
// A sender has one transfer per peer and one chunk of it under way; a receiver takes one transfer,
// of whoever began last. Disk work is done on the worker. Limits: either side holds one chunk
// (kSnapshotChunkMax), which travels in pieces of kPieceBytes; the rate is bounded. Errors end the
// transfer: the driver begins another while the peer still needs one.
//
// Threads: SendSnapshot from the raft thread, handlers from any, everything else on the worker.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "registryd/base/clock.h"
#include "registryd/base/loop.h"
#include "registryd/consensus/interfaces.h"
#include "registryd/consensus/peer_calls.h"

namespace registryd::consensus {

struct SnapshotTransferOptions {
  int64_t bytes_per_second = 64 << 20;  // of one transfer
  int64_t chunk_timeout_ms = 10'000;
  // Of the last chunk: the receiver checks and loads the whole state before it answers.
  int64_t finish_timeout_ms = 600'000;
  // A receiver that heard nothing for so long gives up.
  int64_t idle_ms = 30'000;
};

class SnapshotTransfers final : public SnapshotSender {
 public:
  static constexpr size_t kPieceBytes = 1 << 20;

  struct Parts {
    PeerCalls* calls = nullptr;
    SnapshotStore* store = nullptr;
    Loop* worker = nullptr;
    const Clock* clock = nullptr;
  };
  SnapshotTransfers(Parts parts, SnapshotTransferOptions options)
      : parts_(parts), options_(options) {}

  void Start(SnapshotReports* reports);
  void SendSnapshot(NodeId to, const std::string& address) override;
  // On the worker, every 10 ms or so: what the rate held back, and transfers that fell silent.
  void Tick();
  // On the worker, or after it has stopped: drops everything that is under way.
  void Stop();

 private:
  struct Outgoing {
    uint64_t id = 0;
    std::unique_ptr<SnapshotSource> source;
    std::string next;      // the chunk that is being sent
    size_t next_sent = 0;  // of its bytes
    uint64_t number = 0;
    int64_t began_ms = 0;
    int64_t sent_bytes = 0;
    bool waiting = false;  // for an answer
  };
  struct Incoming {
    NodeId from;
    uint64_t id = 0;
    uint64_t next_number = 0;
    int64_t heard_ms = 0;
    std::string chunk;  // as much of it as has come
    std::unique_ptr<SnapshotSink> sink;
  };

  void Begin(NodeId to);
  void SendNext(NodeId to);
  void OnAnswer(NodeId to, uint64_t id, bool last, absl::StatusOr<std::string> answer);
  void Fail(NodeId to, const absl::Status& why);
  absl::StatusOr<std::string> OnChunk(NodeId from, std::string_view body);

  const Parts parts_;
  const SnapshotTransferOptions options_;
  SnapshotReports* reports_ = nullptr;
  std::map<NodeId, Outgoing> outgoing_;
  Incoming incoming_;
};

}  // namespace registryd::consensus
