// Latencies of many threads, and the end of a run. Threads: any, but Wait.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "tests/bench/drive.h"

namespace registryd::bench {

using SteadyClock = std::chrono::steady_clock;

// Sorts the latencies, and fills in what follows from them.
void Summarize(std::vector<float>* micros, double seconds, Measured* measured);

class Recorder {
 public:
  Recorder(size_t slots, double seconds);

  bool over() const { return SteadyClock::now() >= end_; }
  void Done(SteadyClock::time_point begin);
  void Failed(const std::string& why);
  void SlotEnded();
  Measured Wait();  // until all slots have ended

 private:
  std::mutex mutex_;
  std::condition_variable all_ended_;
  size_t running_;
  std::vector<float> micros_;
  uint64_t errors_ = 0;
  std::string first_error_;
  const SteadyClock::time_point begin_ = SteadyClock::now();
  const SteadyClock::time_point end_;
};

}  // namespace registryd::bench
