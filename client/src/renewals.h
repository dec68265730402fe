// Renews the leases of one client, all of them in one frame, over one stream to one server at a
// time.
//
// Loop thread only. The loop calls Tick after every event and by NextTimer. One frame is
// unanswered at any time; more than 20,000 leases are sent as several frames, each after the answer
// to the one before. A round of frames ends with the registry's advice when to begin the next.
#pragma once

#include <grpcpp/completion_queue.h>

#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "client/local/backoff.h"
#include "client/src/bidi_stream.h"
#include "client/src/renewal_entry.h"
#include "client/src/server_set.h"

namespace registry {

using RenewalStream = BidiStream<v1::KeepAliveRequest, v1::KeepAliveResponse>;

class Renewals : private RenewalStream::Listener {
 public:
  using EntryPtr = std::shared_ptr<RenewalEntry>;

  // `on_lost` gets each entry whose lease the registry does not know any more; it is not renewed
  // from then on.
  Renewals(ServerSet* servers, grpc::CompletionQueue* queue, std::function<void(EntryPtr)> on_lost);

  void Add(EntryPtr entry, TimePoint now);  // it has a lease
  void Remove(const EntryPtr& entry);

  void Tick(TimePoint now);
  TimePoint NextTimer() const;  // TimePoint::max(): none

  // Drops the stream. Nothing is sent afterwards; serve the queue until idle().
  void Stop();
  bool idle() const { return stream_ == nullptr && abandoned_.empty(); }

 private:
  struct Sent {
    uint64_t lease_id;
    uint64_t epoch;
  };

  void OnAnswer(const v1::KeepAliveResponse& answer) override;
  void OnEnd(const absl::Status& status) override;

  void Connect(TimePoint now);
  void BeginRound(TimePoint now);
  void SendFrame(TimePoint now);
  void Accepted(const v1::KeepAliveResponse& answer, TimePoint now);
  void NotAccepted(TimePoint now);
  void Fail(const absl::Status& why, TimePoint now);
  void TellUnreachable(const absl::Status& why);
  void AbandonStream();
  // `pause`, or less where a lease would run out meanwhile.
  Clock::duration Hurry(Clock::duration pause, TimePoint now) const;
  const Server& server() const { return servers_->at(server_); }

  ServerSet* servers_;
  grpc::CompletionQueue* queue_;
  std::function<void(EntryPtr)> on_lost_;
  absl::flat_hash_map<uint64_t, EntryPtr> leases_;  // by lease id

  size_t server_;
  std::unique_ptr<RenewalStream> stream_;
  std::vector<std::unique_ptr<RenewalStream>> abandoned_;  // until they are done
  TimePoint connected_at_{};
  TimePoint connect_at_{};  // while there is no stream

  std::vector<Sent> round_;
  size_t frame_begin_ = 0;  // the frame under way is round_[frame_begin_, frame_end_)
  size_t frame_end_ = 0;
  uint64_t frame_ = 0;  // its number
  bool awaiting_ = false;
  TimePoint round_at_{};
  TimePoint sent_at_{};
  TimePoint answer_by_{};
  TimePoint send_at_{};  // of the next round, while nothing is awaited
  Clock::duration
      interval_{};  // between rounds: a third of the shortest ttl, or what the registry advises
  size_t not_accepted_ = 0;  // answers in a row
  size_t failures_ = 0;      // of streams, since the last accepted frame
  bool worked_ = false;      // this stream has had a frame accepted
  Backoff reconnect_;
  Backoff resend_;
};

}  // namespace registry
