#include "tests/bench/storm.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "tests/bench/load.h"
#include "tests/bench/recorder.h"
#include "tests/bench/watch_stream.h"

namespace registryd::bench {
namespace {

constexpr std::chrono::seconds kPatience{60};

// The changes of one run: number first + i was due at due[i].
struct Changes {
  uint64_t first = 0;
  std::vector<SteadyClock::time_point> due;
};

// Who has not got ready, or has not seen the last change.
class Missing {
 public:
  explicit Missing(size_t count) : count_(count) {}
  void One() {
    std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return none_.wait_for(lock, kPatience, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  size_t count_;
};

// What one stream has seen.
class StormStream {
 public:
  StormStream(Stub* stub, const StormLoad& load, size_t at, const Changes& changes, Missing* ready,
              Missing* running)
      : load_(load),
        at_(at),
        changes_(changes),
        pictures_missing_(load.subscribe(at).size()),
        ready_(ready),
        stream_(stub, {.method = load.watch_method,
                       .hello = load.hello,
                       .subscribe = load.subscribe(at),
                       .on_message = [this](std::string_view message) { Took(message); },
                       .on_done = [running] { running->One(); }}) {}
  void Cancel() { stream_.Cancel(); }

  // How many of the changes it has got; any thread.
  uint64_t seen() const { return seen_; }
  // Once it is done.
  const std::vector<float>& micros() const { return micros_; }

 private:
  void Took(std::string_view message) {
    const auto now = SteadyClock::now();
    const Seen seen = load_.read(message);
    if (pictures_missing_ > 0) {
      pictures_missing_ -= std::min(pictures_missing_, seen.pictures);
      if (pictures_missing_ == 0) ready_->One();
    }
    if (seen.newest < changes_.first) return;
    uint64_t at = seen_;
    for (; at <= seen.newest - changes_.first; ++at) {
      if (load_.concerns && !load_.concerns(at_, changes_.first + at)) continue;
      micros_.push_back(std::chrono::duration<float, std::micro>(now - changes_.due[at]).count());
    }
    seen_ = at;
  }

  const StormLoad& load_;
  const size_t at_;
  const Changes& changes_;
  size_t pictures_missing_;  // of its subscriptions
  Missing* const ready_;
  std::atomic<uint64_t> seen_{0};
  std::vector<float> micros_;
  WatchStream stream_;
};

// Nobody rings; it is the way to wait for a time.
void WaitUntil(SteadyClock::time_point time) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  while (SteadyClock::now() < time) never.wait_until(lock, time);
}

// Over all runs of the program: no number comes twice. Not 1, the weight that instances have: giving
// it again is no change.
uint64_t next_number = 2;

}  // namespace

Measured RunStorm(const std::string& address, const StormLoad& load, double seconds) {
  Load calls(address, 1);
  Load channels(address, load.channels);
  const auto count = std::max<uint64_t>(1, static_cast<uint64_t>(load.rate * seconds));
  Changes changes{next_number, std::vector<SteadyClock::time_point>(count)};
  Missing ready(load.streams);
  Missing running(load.streams);
  std::vector<std::unique_ptr<StormStream>> streams;
  for (size_t i = 0; i < load.streams; ++i) {
    streams.push_back(
        std::make_unique<StormStream>(channels.stub(i), load, i, changes, &ready, &running));
  }
  Measured measured;
  bool whole = ready.Wait();
  if (load.ready) load.ready();
  const auto begin = SteadyClock::now();
  const auto interval = std::chrono::duration<double>(1 / load.rate);
  for (uint64_t i = 0; whole && i < count; ++i) {
    changes.due[i] = begin + std::chrono::duration_cast<SteadyClock::duration>(
                                 interval * static_cast<double>(i));
    WaitUntil(changes.due[i]);
    for (const StormChange& call : load.change(next_number)) calls.Call(call.method, call.request);
    ++next_number;
  }
  // The last change that concerns a stream is not the last of all.
  const auto needs = [&](size_t stream) {
    uint64_t last = count;
    while (load.concerns && last > 0 && !load.concerns(stream, changes.first + last - 1)) --last;
    return last;
  };
  const auto give_up = SteadyClock::now() + kPatience;
  for (size_t i = 0; whole && i < streams.size(); ++i) {
    const uint64_t last = needs(i);
    while (whole && streams[i]->seen() < last) {
      WaitUntil(SteadyClock::now() + std::chrono::milliseconds(1));
      whole = SteadyClock::now() < give_up;
    }
  }
  const double took = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  for (auto& stream : streams) stream->Cancel();
  running.Wait();
  if (!whole) {
    measured.errors = 1;
    measured.first_error = "a change has not reached every stream in 60 s";
  }
  std::vector<float> micros;
  for (const auto& stream : streams) {
    micros.insert(micros.end(), stream->micros().begin(), stream->micros().end());
  }
  Summarize(&micros, took, &measured);
  return measured;
}

}  // namespace registryd::bench
