#include "tests/bench/drive.h"

#include <algorithm>
#include <atomic>
#include <deque>

#include "tests/bench/recorder.h"

namespace registryd::bench {
namespace {

std::atomic<uint64_t> next_operation{1};

// All slots always busy.
class ClosedLoop {
 public:
  ClosedLoop(size_t slots, double seconds, const StartOperation& start)
      : slots_(slots), start_(start), recorder_(slots, seconds) {}
  Measured Run() {
    for (size_t slot = 0; slot < slots_; ++slot) Go(slot);
    return recorder_.Wait();
  }

 private:
  void Go(size_t slot) {
    if (recorder_.over()) return recorder_.SlotEnded();
    start_(slot, next_operation++, [this, slot, begin = SteadyClock::now()](const auto& error) {
      error.empty() ? recorder_.Done(begin) : recorder_.Failed(error);
      Go(slot);
    });
  }
  const size_t slots_;
  const StartOperation& start_;
  Recorder recorder_;
};

// A pacer hands out what is due; what finds no free slot waits in line with its due time.
class OpenLoop {
 public:
  OpenLoop(const Shape& shape, double seconds, const StartOperation& start)
      : interval_(std::chrono::duration_cast<SteadyClock::duration>(
            std::chrono::duration<double>(1 / shape.rate))),
        start_(start),
        recorder_(1, seconds) {
    for (size_t slot = 0; slot < shape.outstanding; ++slot) free_.push_back(slot);
  }
  Measured Run() {
    SteadyClock::time_point due = SteadyClock::now();
    while (!recorder_.over()) {
      for (const auto now = SteadyClock::now(); due <= now; due += interval_) Due(due);
      // Nobody rings here; it is the way to wait for a time.
      std::unique_lock lock(mutex_);
      pace_.wait_until(lock, std::min(due, SteadyClock::now() + std::chrono::milliseconds(1)));
    }
    {
      std::unique_lock lock(mutex_);
      waiting_.clear();
      idle_.wait(lock, [this] { return running_ == 0; });
    }
    recorder_.SlotEnded();
    return recorder_.Wait();
  }

 private:
  void Due(SteadyClock::time_point due) {
    size_t slot;
    {
      std::lock_guard lock(mutex_);
      if (free_.empty()) {
        waiting_.push_back(due);
        return;
      }
      slot = free_.back();
      free_.pop_back();
      ++running_;
    }
    Go(slot, due);
  }
  void Go(size_t slot, SteadyClock::time_point due) {
    start_(slot, next_operation++, [this, slot, due](const auto& error) {
      error.empty() ? recorder_.Done(due) : recorder_.Failed(error);
      SteadyClock::time_point next;
      {
        std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
          free_.push_back(slot);
          if (--running_ == 0) idle_.notify_all();
          return;
        }
        next = waiting_.front();
        waiting_.pop_front();
      }
      Go(slot, next);
    });
  }

  const SteadyClock::duration interval_;
  const StartOperation& start_;
  Recorder recorder_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::condition_variable pace_;
  std::vector<size_t> free_;
  std::deque<SteadyClock::time_point> waiting_;
  size_t running_ = 0;
};

}  // namespace

void Summarize(std::vector<float>* micros, double seconds, Measured* measured) {
  std::sort(micros->begin(), micros->end());
  measured->operations = micros->size();
  if (micros->empty()) return;
  measured->per_second = static_cast<double>(micros->size()) / seconds;
  measured->p50_us = (*micros)[micros->size() / 2];
  measured->p99_us = (*micros)[micros->size() * 99 / 100];
  measured->p999_us = (*micros)[micros->size() * 999 / 1000];
}

Recorder::Recorder(size_t slots, double seconds)
    : running_(slots),
      end_(SteadyClock::now() + std::chrono::duration_cast<SteadyClock::duration>(
                                    std::chrono::duration<double>(seconds))) {}

void Recorder::Done(SteadyClock::time_point begin) {
  const double micros =
      std::chrono::duration<double, std::micro>(SteadyClock::now() - begin).count();
  std::lock_guard lock(mutex_);
  micros_.push_back(static_cast<float>(micros));
}

void Recorder::Failed(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (errors_++ == 0) first_error_ = why;
}

void Recorder::SlotEnded() {
  std::lock_guard lock(mutex_);
  if (--running_ == 0) all_ended_.notify_all();
}

Measured Recorder::Wait() {
  std::unique_lock lock(mutex_);
  all_ended_.wait(lock, [this] { return running_ == 0; });
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin_).count();
  Measured measured;
  measured.errors = errors_;
  measured.first_error = first_error_;
  Summarize(&micros_, seconds, &measured);
  return measured;
}

Measured Drive(const Shape& shape, double seconds, const StartOperation& start) {
  if (shape.rate > 0) return OpenLoop(shape, seconds, start).Run();
  return ClosedLoop(shape.outstanding, seconds, start).Run();
}

}  // namespace registryd::bench
