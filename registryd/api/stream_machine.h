// The one state machine behind every streaming call.
//
// A subclass says what to send next; this class decides when, keeps one write in flight, finishes
// the call exactly once, and keeps itself alive until gRPC is done with it.
//
//   class KeepAliveCall : public StreamMachine<grpc::ServerBidiReactor<Request, Response>,
//   Response> {
//     void OnStart() override;                   // starts the first read
//     bool Next(Response* out) override;         // false: nothing to send now
//   };
//   auto call = std::make_shared<KeepAliveCall>(...);  call->Start(&watch_);  return call.get();
//
// Threads: Wake and Close from any thread; Next from one thread at a time, with no lock held. The
// call is not finished while Next runs, so Next may start a read; so may OnReadDone. Owner: itself,
// until OnDone. Others hold a weak_ptr, or a shared_ptr for as long as a callback is under way.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "registryd/api/call_metrics.h"
#include "registryd/base/mutex.h"

namespace registryd::api {

// What a server closes when it stops.
class ClosableStream {
 public:
  virtual ~ClosableStream() = default;
  virtual void Close(grpc::Status status) = 0;
};

template <class Reactor, class Response>
class StreamMachine : public Reactor,
                      public ClosableStream,
                      public std::enable_shared_from_this<StreamMachine<Reactor, Response>> {
 public:
  // Call once, after make_shared. `metrics` outlives the call.
  void Start(MethodMetrics* metrics) {
    metrics_ = metrics;
    metrics_->StreamOpened();
    self_ = this->shared_from_this();
    OnStart();
    Wake();
  }

  // Something may be ready. Cheap, and safe after the end of the call.
  void Wake() {
    {
      MutexLock lock(mutex_);
      if (state_ != State::kIdle) {
        dirty_ = true;
        return;
      }
      state_ = State::kBusy;
    }
    Pump();
  }

  // Ends the call after the write in flight. The first status wins.
  void Close(grpc::Status status) override {
    {
      MutexLock lock(mutex_);
      if (closing_) return;
      closing_ = true;
      status_ = status;
      if (state_ != State::kIdle) return;  // Pump will finish
      state_ = State::kFinished;
    }
    this->Finish(std::move(status));
  }

 protected:
  virtual void OnStart() {}              // a bidirectional call starts its first read here
  virtual bool Next(Response* out) = 0;  // must not block
  virtual void OnEnd() {}                // the call is over: leave whatever it was attached to

 private:
  enum class State { kIdle, kBusy, kFinished };

  // Runs only in the thread that moved the state to kBusy, or in OnWriteDone.
  void Pump() {
    grpc::Status status;
    for (;;) {
      {
        MutexLock lock(mutex_);
        if (closing_) {
          state_ = State::kFinished;
          status = status_;
          break;
        }
        dirty_ = false;
      }
      message_.Clear();
      if (Next(&message_)) {
        this->StartWrite(&message_);
        return;
      }
      MutexLock lock(mutex_);
      if (closing_ || dirty_) continue;
      state_ = State::kIdle;
      return;
    }
    this->Finish(std::move(status));
  }

  void OnWriteDone(bool ok) final {
    if (!ok) Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the peer is gone"));
    Pump();
  }
  void OnCancel() final { Close(grpc::Status::CANCELLED); }
  void OnDone() final {
    OnEnd();
    metrics_->StreamEnded(EndedWith());
    auto last_reference = std::move(self_);
  }

  grpc::StatusCode EndedWith() {
    MutexLock lock(mutex_);
    return status_.error_code();
  }

  MethodMetrics* metrics_ = nullptr;
  Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool dirty_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
  Response message_;                     // gRPC's between StartWrite and OnWriteDone
  std::shared_ptr<StreamMachine> self_;  // set by Start, cleared by OnDone
};

}  // namespace registryd::api
