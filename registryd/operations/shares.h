// How many of something each of many may hold at once, for example subscriptions.
//
//   Shares shares(1'000);
//   std::shared_ptr<void> held = shares.Take(identity);     // null: it holds 1,000 already
//   held = nullptr;                                          // given back
//
// Who holds nothing costs nothing. Threads: any. What is held may outlive the Shares.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "registryd/base/mutex.h"

namespace registryd::operations {

class Shares {
 public:
  // 0: no limit.
  explicit Shares(size_t most) : most_(most), books_(std::make_shared<Books>()) {}

  std::shared_ptr<void> Take(std::string_view who);
  size_t most() const { return most_; }

 private:
  struct Books {
    Mutex mutex;
    absl::flat_hash_map<std::string, size_t> held ABSL_GUARDED_BY(mutex);
  };
  const size_t most_;
  const std::shared_ptr<Books> books_;
};

}  // namespace registryd::operations
