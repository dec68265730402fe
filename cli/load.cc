#include "cli/load.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace registry::cli {
namespace {

using Clock = std::chrono::steady_clock;

// What the threads share.
class Run {
 public:
  Run(const LoadOptions& options, const Load::Call& call)
      : options_(options),
        call_(call),
        begin_(Clock::now()),
        end_(begin_ + absl::ToChronoNanoseconds(options.duration)) {}

  void Work() {
    for (;;) {
      const uint64_t n = next_++;
      Clock::time_point due = Clock::now();
      if (options_.rate > 0) {
        due = begin_ + std::chrono::nanoseconds(
                           static_cast<int64_t>(1e9 * static_cast<double>(n) / options_.rate));
        if (due >= end_) return;
      }
      {
        std::unique_lock lock(mutex_);
        ended_.wait_until(lock, due, [this] { return over_; });
        if (over_ || Clock::now() >= end_) return;
      }
      const absl::Status status = call_(n);
      const auto took = std::chrono::duration<float>(Clock::now() - due).count();
      std::lock_guard lock(mutex_);
      if (status.ok()) {
        seconds_.push_back(took);
      } else if (errors_++ == 0) {
        first_error_ = status;
      }
    }
  }
  void WorkerEnded() {
    std::lock_guard lock(mutex_);
    ++workers_ended_;
    ended_.notify_all();
  }
  // False: all workers have ended.
  bool WaitASecond() {
    std::unique_lock lock(mutex_);
    return !ended_.wait_for(lock, std::chrono::seconds(1),
                            [this] { return workers_ended_ == options_.threads; });
  }
  void End() {
    std::lock_guard lock(mutex_);
    over_ = true;
    ended_.notify_all();
  }
  LoadResult Result() {
    LoadResult result;
    std::vector<float> seconds;
    {
      std::lock_guard lock(mutex_);
      seconds = seconds_;
      result.errors = errors_;
      result.first_error = first_error_;
    }
    result.elapsed = absl::FromChrono(Clock::now() - begin_);
    result.calls = seconds.size();
    if (seconds.empty()) return result;
    std::sort(seconds.begin(), seconds.end());
    const auto at = [&seconds](size_t percent) {
      return absl::Seconds(seconds[std::min(seconds.size() - 1, seconds.size() * percent / 100)]);
    };
    result.p50 = at(50);
    result.p90 = at(90);
    result.p99 = at(99);
    result.worst = at(100);
    return result;
  }

 private:
  const LoadOptions& options_;
  const Load::Call& call_;
  const Clock::time_point begin_;
  const Clock::time_point end_;
  std::atomic<uint64_t> next_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  uint64_t workers_ended_ = 0;
  std::vector<float> seconds_;
  uint64_t errors_ = 0;
  absl::Status first_error_;
};

std::string Millis(absl::Duration time) {
  return absl::StrFormat("%.2f ms", absl::ToDoubleMilliseconds(time));
}

}  // namespace

double LoadResult::PerSecond() const {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  return seconds > 0 ? static_cast<double>(calls) / seconds : 0;
}

LoadResult Load::Run(const Call& call, const Progress& progress) {
  cli::Run run(options_, call);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < options_.threads; ++i) {
    threads.emplace_back([&run] {
      run.Work();
      run.WorkerEnded();
    });
  }
  while (run.WaitASecond()) {
    if (progress(run.Result())) run.End();
  }
  for (std::thread& thread : threads) thread.join();
  return run.Result();
}

std::string LoadText(const std::string& what, const LoadResult& result) {
  std::string text = absl::StrFormat(
      "%s: %d in %.1f s, %.1f per s; p50 %s, p90 %s, p99 %s, worst %s", what, result.calls,
      absl::ToDoubleSeconds(result.elapsed), result.PerSecond(), Millis(result.p50),
      Millis(result.p90), Millis(result.p99), Millis(result.worst));
  if (result.errors != 0) {
    absl::StrAppend(&text, "; ", result.errors,
                    " failed, the first: ", std::string(result.first_error.message()));
  }
  return text;
}

std::string LoadJson(const std::string& what, const LoadResult& result) {
  nlohmann::ordered_json json = {{"workload", what},
                                 {"seconds", absl::ToDoubleSeconds(result.elapsed)},
                                 {"calls", result.calls},
                                 {"per_second", result.PerSecond()},
                                 {"errors", result.errors},
                                 {"p50_ms", absl::ToDoubleMilliseconds(result.p50)},
                                 {"p90_ms", absl::ToDoubleMilliseconds(result.p90)},
                                 {"p99_ms", absl::ToDoubleMilliseconds(result.p99)},
                                 {"worst_ms", absl::ToDoubleMilliseconds(result.worst)}};
  if (result.errors != 0) json["first_error"] = std::string(result.first_error.message());
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace registry::cli
