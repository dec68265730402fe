// One Lease.KeepAlive stream to one server, driven by a completion queue.
//
// All methods and the listener run on the queue's one thread. It may be destroyed only when done():
// Abandon it and go on serving the queue until then, which a cancelled call reaches at once,
// whatever the server does.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "client/src/completion.h"
#include "client/src/server_set.h"
#include "registry/v1/lease.grpc.pb.h"

namespace registry {

class RenewalStream {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnAnswer(const v1::KeepAliveResponse& answer) = 0;
    // The server or the network ended the stream. Called once, and not after Abandon.
    virtual void OnEnd(const absl::Status& status) = 0;
  };

  RenewalStream(const Server& server, grpc::CompletionQueue* queue, Listener* listener);

  // At most one frame is unanswered at any time.
  void Send(v1::KeepAliveRequest frame);

  void Abandon();

  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kStarting, kOpen, kBroken, kFinishing, kDone };
  using Step = void (RenewalStream::*)(bool);

  class Operation : public Completion {
   public:
    Operation(RenewalStream* stream, Step step) : stream_(stream), step_(step) {}
    void Complete(bool ok) override { (stream_->*step_)(ok); }

   private:
    RenewalStream* stream_;
    Step step_;
  };

  void Started(bool ok);
  void Wrote(bool ok);
  void Read(bool ok);
  void Finished(bool ok);
  void WriteNext();
  void Break();

  Listener* listener_;  // null once abandoned
  State state_ = State::kStarting;
  bool reading_ = false;
  bool writing_ = false;
  std::optional<v1::KeepAliveRequest> next_;  // waits for the start or for the write before it
  v1::KeepAliveRequest frame_;
  v1::KeepAliveResponse answer_;
  grpc::Status status_;
  grpc::ClientContext context_;
  Operation started_{this, &RenewalStream::Started};
  Operation wrote_{this, &RenewalStream::Wrote};
  Operation read_{this, &RenewalStream::Read};
  Operation finished_{this, &RenewalStream::Finished};
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::KeepAliveRequest, v1::KeepAliveResponse>> call_;
};

}  // namespace registry
