#include "registry/time_source.h"

#include <chrono>

namespace registry {
namespace {

class SteadyTime : public TimeSource {
 public:
  int64_t NowNanos() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace

const TimeSource* TimeSource::Steady() {
  static const SteadyTime steady;
  return &steady;
}

}  // namespace registry
