// Makes load for registry-cli bench: calls from several threads, as fast as they are answered or at
// a rate.
//
//   Load load({.threads = 8, .rate = 1'000, .duration = absl::Seconds(10)});
//   load.Run([&](uint64_t n) { return client->Lookup(query).status(); },
//            [&](const LoadResult& so_far) { console.Note(...); });      // once a second
//
// With a rate, call n is due at n / rate, and its latency counts from then: a registry that stalls
// is charged for everything that was due meanwhile. Without one, a thread's next call starts when
// the last has ended. Threads: `call` runs on the load's own threads, `progress` on the caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace registry::cli {

struct LoadOptions {
  uint64_t threads = 8;
  double rate = 0;  // calls per second, all threads together; 0: no limit
  absl::Duration duration = absl::Seconds(10);
};

struct LoadResult {
  absl::Duration elapsed;
  uint64_t calls = 0;  // that went well
  uint64_t errors = 0;
  absl::Status first_error;
  absl::Duration p50;
  absl::Duration p90;
  absl::Duration p99;
  absl::Duration worst;
  double PerSecond() const;
};

class Load {
 public:
  using Call = std::function<absl::Status(uint64_t n)>;
  // True: end now.
  using Progress = std::function<bool(const LoadResult& so_far)>;

  explicit Load(LoadOptions options) : options_(options) {}
  LoadResult Run(const Call& call, const Progress& progress);

 private:
  const LoadOptions options_;
};

// For people: "12,345 calls in 10.0 s, 1,234.5 per s; p50 0.41 ms, ...", and as one JSON object.
std::string LoadText(const std::string& what, const LoadResult& result);
std::string LoadJson(const std::string& what, const LoadResult& result);

}  // namespace registry::cli
