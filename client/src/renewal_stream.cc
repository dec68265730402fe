#include "client/src/renewal_stream.h"

#include <utility>

namespace registry {

RenewalStream::RenewalStream(const Server& server, grpc::CompletionQueue* queue, Listener* listener)
    : listener_(listener), call_(server.lease->AsyncKeepAlive(&context_, queue, &started_)) {}

void RenewalStream::Send(v1::KeepAliveRequest frame) {
  next_ = std::move(frame);
  if (state_ == State::kOpen && !writing_) WriteNext();
}

void RenewalStream::Abandon() {
  listener_ = nullptr;
  context_.TryCancel();
}

void RenewalStream::Started(bool ok) {
  if (!ok) {
    state_ = State::kBroken;
    Break();
    return;
  }
  state_ = State::kOpen;
  reading_ = true;
  call_->Read(&answer_, &read_);
  if (next_) WriteNext();
}

void RenewalStream::WriteNext() {
  frame_ = *std::move(next_);
  next_.reset();
  writing_ = true;
  call_->Write(frame_, &wrote_);
}

void RenewalStream::Wrote(bool ok) {
  writing_ = false;
  if (!ok || state_ != State::kOpen) {
    state_ = State::kBroken;
    Break();
    return;
  }
  if (next_) WriteNext();
}

void RenewalStream::Read(bool ok) {
  reading_ = false;
  if (!ok || state_ != State::kOpen) {
    state_ = State::kBroken;
    Break();
    return;
  }
  if (listener_ != nullptr) listener_->OnAnswer(answer_);
  reading_ = true;
  call_->Read(&answer_, &read_);
}

void RenewalStream::Break() {
  if (reading_ || writing_) return;  // the other one fails too, and the status must be the server's
  state_ = State::kFinishing;
  call_->Finish(&status_, &finished_);
}

void RenewalStream::Finished(bool /*ok*/) {
  state_ = State::kDone;
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->OnEnd(ToStatus(status_));
}

}  // namespace registry
