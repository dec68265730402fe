#include "registryd/consensus/snapshot_transfers.h"

#include <utility>

#include "registryd/base/bytes.h"
#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/random.h"
#include "registryd/base/text.h"

namespace registryd::consensus {
namespace {

constexpr char kMethod[] = "snapshot";

// A request: transfer u64, number of the piece u64, what follows u8, piece of a chunk. An answer to
// the last one: index u64, term u64. Little endian.
constexpr size_t kHeaderBytes = 17;
enum class Follows : uint8_t { kChunk = 0, kNothing = 1, kMoreOfThis = 2 };

}  // namespace

void SnapshotTransfers::Start(SnapshotReports* reports) {
  reports_ = reports;
  parts_.calls->Handle(kMethod, [this](PeerRequest request, PeerReply reply) {
    auto held = std::make_shared<PeerReply>(std::move(reply));
    const bool posted = parts_.worker->Post([this, request = std::move(request), held] {
      std::move (*held)(OnChunk(request.from, request.body));
    });
    if (!posted) std::move (*held)(absl::UnavailableError("this node stops"));
  });
}

void SnapshotTransfers::SendSnapshot(NodeId to, const std::string&) {
  parts_.worker->Post([this, to] { Begin(to); });
}

void SnapshotTransfers::Begin(NodeId to) {
  Outgoing& transfer = outgoing_[to];
  if (transfer.source != nullptr) return;  // of an earlier leadership; it goes on
  // Unlike those of an earlier life of this process.
  transfer.id = RandomId();
  transfer.number = 0;
  transfer.sent_bytes = 0;
  transfer.began_ms = parts_.clock->MonotonicMs();
  auto source = parts_.store->Open();
  if (!source.ok()) return Fail(to, source.status());
  transfer.source = *std::move(source);
  auto first = transfer.source->Next();
  if (!first.ok()) return Fail(to, first.status());
  transfer.next = *std::move(first);
  transfer.next_sent = 0;
  SendNext(to);
}

void SnapshotTransfers::SendNext(NodeId to) {
  Outgoing& transfer = outgoing_[to];
  if (transfer.source == nullptr || transfer.waiting) return;
  const int64_t elapsed_ms = parts_.clock->MonotonicMs() - transfer.began_ms;
  if (transfer.sent_bytes > options_.bytes_per_second * (elapsed_ms + 20) / 1000) return;  // Tick
  const std::string_view piece =
      std::string_view(transfer.next).substr(transfer.next_sent, kPieceBytes);
  auto follows = Follows::kMoreOfThis;
  std::string following;
  if (transfer.next_sent + piece.size() == transfer.next.size()) {
    // One ahead, to know which is the last.
    auto read = transfer.source->Next();
    if (!read.ok()) return Fail(to, read.status());
    following = *std::move(read);
    follows = following.empty() ? Follows::kNothing : Follows::kChunk;
  }
  std::string body;
  body.reserve(kHeaderBytes + piece.size());
  AppendLittleEndian(body, transfer.id);
  AppendLittleEndian(body, transfer.number++);
  AppendLittleEndian(body, static_cast<uint8_t>(follows));
  body += piece;
  transfer.sent_bytes += static_cast<int64_t>(piece.size());
  transfer.next_sent += piece.size();
  if (follows != Follows::kMoreOfThis) {
    transfer.next = std::move(following);
    transfer.next_sent = 0;
  }
  transfer.waiting = true;
  const bool last = follows == Follows::kNothing;
  parts_.calls->Call(to, kMethod, std::move(body),
                     last ? options_.finish_timeout_ms : options_.chunk_timeout_ms,
                     [this, to, id = transfer.id, last](absl::StatusOr<std::string> answer) {
                       parts_.worker->Post([this, to, id, last, answer = std::move(answer)] {
                         OnAnswer(to, id, last, answer);
                       });
                     });
}

void SnapshotTransfers::OnAnswer(NodeId to, uint64_t id, bool last,
                                 absl::StatusOr<std::string> answer) {
  Outgoing& transfer = outgoing_[to];
  if (transfer.source == nullptr || transfer.id != id) return;
  transfer.waiting = false;
  if (!answer.ok()) return Fail(to, answer.status());
  if (!last) return SendNext(to);
  ByteReader reader(*answer);
  const LogIndex index(reader.Take<uint64_t>());
  const Term term(reader.Take<uint64_t>());
  if (!reader.done()) return Fail(to, absl::InternalError("the peer's answer is malformed"));
  log::Info("a snapshot was sent", {{"peer", to},
                                    {"bytes", transfer.sent_bytes},
                                    {"ms", parts_.clock->MonotonicMs() - transfer.began_ms}});
  outgoing_.erase(to);
  reports_->SnapshotSent(to, index, term);
}

void SnapshotTransfers::Fail(NodeId to, const absl::Status& why) {
  log::Warning("sending a snapshot failed", {{"peer", to}, {"error", why}});
  outgoing_.erase(to);
  reports_->SnapshotFailed(to);
}

absl::StatusOr<std::string> SnapshotTransfers::OnChunk(NodeId from, std::string_view body) {
  ByteReader reader(body);
  const auto id = reader.Take<uint64_t>();
  const auto number = reader.Take<uint64_t>();
  const auto follows = static_cast<Follows>(reader.Take<uint8_t>());
  if (!reader.ok()) return absl::InvalidArgumentError("a chunk without a header");
  if (number == 0) {
    incoming_ = {};
    auto sink = parts_.store->Receive();
    if (!sink.ok()) {
      reports_->SetReceivingSnapshot(false);  // what another was sending is dropped, too
      log::Warning("receiving a snapshot failed", {{"from", from}, {"error", sink.status()}});
      return sink.status();
    }
    incoming_ = {from, id, 0, 0, {}, *std::move(sink)};
    reports_->SetReceivingSnapshot(true);
    log::Info("receiving a snapshot", {{"from", from}});
  }
  if (incoming_.sink == nullptr || incoming_.id != id || incoming_.from != from ||
      incoming_.next_number != number) {
    return absl::FailedPreconditionError("another transfer took its place, or a piece is missing");
  }
  ++incoming_.next_number;
  incoming_.heard_ms = parts_.clock->MonotonicMs();
  absl::Status status;
  incoming_.chunk += reader.TakeRest();
  if (incoming_.chunk.size() > kSnapshotChunkMax) {
    status = absl::InvalidArgumentError("a chunk is larger than any may be");
  } else if (follows != Follows::kMoreOfThis) {
    status = incoming_.sink->Add(incoming_.chunk);
    incoming_.chunk.clear();
  }
  if (status.ok() && follows != Follows::kNothing) return std::string();
  const std::unique_ptr<SnapshotSink> sink = std::move(incoming_.sink);
  incoming_ = {};
  std::string answer;
  if (status.ok()) {
    auto staged = sink->Finish();
    status = staged.status();
    if (status.ok()) {
      AppendLittleEndian(answer, (*staged)->record().index.value());
      AppendLittleEndian(answer, (*staged)->record().term.value());
      reports_->OnSnapshotReceived(*std::move(staged));
    }
  }
  reports_->SetReceivingSnapshot(false);
  if (!status.ok()) {
    log::Warning("receiving a snapshot failed", {{"from", from}, {"error", status}});
    return status;
  }
  return answer;
}

void SnapshotTransfers::Tick() {
  for (auto it = outgoing_.begin(); it != outgoing_.end();) {
    const NodeId to = it->first;
    ++it;  // SendNext may erase
    SendNext(to);
  }
  if (incoming_.sink == nullptr) return;
  if (parts_.clock->MonotonicMs() - incoming_.heard_ms <= options_.idle_ms) return;
  log::Warning("a snapshot stopped coming", {{"from", incoming_.from}});
  incoming_ = {};
  reports_->SetReceivingSnapshot(false);
}

void SnapshotTransfers::Stop() {
  outgoing_.clear();
  incoming_ = {};
}

}  // namespace registryd::consensus
