#include "registry/bulkhead.h"

#include "absl/strings/str_cat.h"
#include "client/local/clock.h"

namespace registry {

absl::StatusOr<Bulkhead::Permit> Bulkhead::Enter(absl::Duration max_wait) {
  std::unique_lock lock(mutex_);
  if (running_ < options_.max_concurrent && waiting_.empty()) {
    ++running_;
    return Permit(this);
  }
  const bool may_wait = max_wait > absl::ZeroDuration();
  if (!may_wait || waiting_.size() >= options_.max_waiting) {
    return absl::ResourceExhaustedError(absl::StrCat("bulkhead: ", running_, " calls run and ",
                                                     waiting_.size(),
                                                     " wait, which is as many as may"));
  }
  Waiter self;
  const auto place = waiting_.insert(waiting_.end(), &self);
  self.called.wait_for(lock, ToSteady(max_wait), [&] { return self.admitted; });
  if (self.admitted) return Permit(this);
  waiting_.erase(place);
  return absl::ResourceExhaustedError(absl::StrCat(
      "bulkhead: no place within ", absl::FormatDuration(max_wait), "; ", running_, " calls run"));
}

void Bulkhead::Leave() {
  std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    --running_;
    return;
  }
  // The place goes to the one who has waited longest.
  Waiter* next = waiting_.front();
  waiting_.pop_front();
  next->admitted = true;
  next->called.notify_one();
}

size_t Bulkhead::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

size_t Bulkhead::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace registry
