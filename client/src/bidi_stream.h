// One bidirectional stream to one server, driven by a completion queue.
//
// All methods and the listener run on the queue's one thread. It may be destroyed only when done():
// Abandon it and go on serving the queue until then, which a cancelled call reaches at once,
// whatever the server does.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "client/src/completion.h"
#include "client/src/server_set.h"

namespace registry {

template <class Request, class Response>
class BidiStream {
 public:
  using Call = grpc::ClientAsyncReaderWriter<Request, Response>;

  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnAnswer(const Response& answer) = 0;
    // Everything that was given to Send has gone out.
    virtual void OnSent() {}
    // The server or the network ended the stream. Called once, and not after Abandon.
    virtual void OnEnd(const absl::Status& status) = 0;
  };

  // `start` makes the call with this context and tag.
  BidiStream(const std::function<std::unique_ptr<Call>(grpc::ClientContext*, void* tag)>& start,
             Listener* listener)
      : listener_(listener), call_(start(&context_, &started_)) {}

  void Send(Request message) {
    queue_.push_back(std::move(message));
    if (state_ == State::kOpen && !writing_) WriteNext();
  }
  bool sending() const { return writing_ || !queue_.empty(); }
  // Nothing more is sent; the server ends the stream after the last message.
  void End() {
    ending_ = true;
    if (state_ == State::kOpen && !writing_ && queue_.empty()) EndWrites();
  }

  void Abandon() {
    listener_ = nullptr;
    context_.TryCancel();
  }

  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kStarting, kOpen, kBroken, kFinishing, kDone };
  using Step = void (BidiStream::*)(bool);

  class Operation : public Completion {
   public:
    Operation(BidiStream* stream, Step step) : stream_(stream), step_(step) {}
    void Complete(bool ok) override { (stream_->*step_)(ok); }

   private:
    BidiStream* stream_;
    Step step_;
  };

  void Started(bool ok) {
    if (!ok) return Break();
    state_ = State::kOpen;
    reading_ = true;
    call_->Read(&answer_, &read_);
    if (!queue_.empty()) {
      WriteNext();
    } else if (ending_) {
      EndWrites();
    }
  }

  void EndWrites() {
    ending_ = false;
    writing_ = true;
    call_->WritesDone(&wrote_);
  }

  void WriteNext() {
    message_ = std::move(queue_.front());
    queue_.pop_front();
    writing_ = true;
    call_->Write(message_, &wrote_);
  }

  void Wrote(bool ok) {
    writing_ = false;
    if (!ok || state_ != State::kOpen) return Break();
    if (!queue_.empty()) {
      WriteNext();
    } else if (ending_) {
      EndWrites();
    } else if (listener_ != nullptr) {
      listener_->OnSent();
    }
  }

  void Read(bool ok) {
    reading_ = false;
    if (!ok || state_ != State::kOpen) return Break();
    if (listener_ != nullptr) listener_->OnAnswer(answer_);
    reading_ = true;
    call_->Read(&answer_, &read_);
  }

  void Break() {
    state_ = State::kBroken;
    if (reading_ || writing_)
      return;  // the other one fails too, and the status must be the server's
    state_ = State::kFinishing;
    call_->Finish(&status_, &finished_);
  }

  void Finished(bool /*ok*/) {
    state_ = State::kDone;
    if (listener_ != nullptr) std::exchange(listener_, nullptr)->OnEnd(ToStatus(status_));
  }

  Listener* listener_;  // null once abandoned
  State state_ = State::kStarting;
  bool reading_ = false;
  bool writing_ = false;
  bool ending_ = false;
  std::deque<Request> queue_;  // waits for the start or for the writes before
  Request message_;
  Response answer_;
  grpc::Status status_;
  grpc::ClientContext context_;
  Operation started_{this, &BidiStream::Started};
  Operation wrote_{this, &BidiStream::Wrote};
  Operation read_{this, &BidiStream::Read};
  Operation finished_{this, &BidiStream::Finished};
  std::unique_ptr<Call> call_;
};

}  // namespace registry
