// Structured logs, as text for people or JSON lines for machines. spdlog does the work; only log.cc
// sees it.
//
//   log::Info("lease expired", {{"lease", id}, {"instances", 3}});
//   2026-11-23T18:00:01.123Z info  lease expired lease=17 instances=3
//   {"time":"2026-11-23T18:00:01.123Z","level":"info","msg":"lease
//   expired","lease":17,"instances":3}
//
// Threads: all functions from any thread. Lines go to stderr. Before Init the level is info and the
// format text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/status/status.h"

namespace registryd::log {

enum class Level { kDebug, kInfo, kWarning, kError };
enum class Format { kText, kJson };

// A name and a value. Numbers stay numbers in JSON.
struct Field {
  template <class T>
  Field(std::string_view field_name, const T& field_value) : name(field_name) {
    if constexpr (std::is_same_v<T, bool>) {
      value = field_value;
    } else if constexpr (std::is_unsigned_v<T>) {
      value = static_cast<uint64_t>(field_value);
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<int64_t>(field_value);
    } else if constexpr (std::is_floating_point_v<T>) {
      value = static_cast<double>(field_value);
    } else if constexpr (requires { field_value.value(); }) {
      value = static_cast<uint64_t>(field_value.value());
    } else if constexpr (std::is_same_v<T, absl::Status>) {
      value = field_value.ToString();
    } else {
      value = std::string(field_value);
    }
  }
  std::string_view name;
  std::variant<bool, int64_t, uint64_t, double, std::string> value;
};
using Fields = std::initializer_list<Field>;

void Init(Level level, Format format);
void SetLevel(Level level);  // may be called at any time
Level CurrentLevel();
std::string_view ToString(Level level);  // "debug"
bool Enabled(Level level);
// "debug", "info", "warning", "error". Returns false and changes nothing for another word.
bool ParseLevel(std::string_view word, Level* level);

void Write(Level level, std::string_view message, Fields fields);
inline void Debug(std::string_view message, Fields fields = {}) {
  if (Enabled(Level::kDebug)) Write(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, Fields fields = {}) {
  if (Enabled(Level::kInfo)) Write(Level::kInfo, message, fields);
}
inline void Warning(std::string_view message, Fields fields = {}) {
  if (Enabled(Level::kWarning)) Write(Level::kWarning, message, fields);
}
inline void Error(std::string_view message, Fields fields = {}) {
  Write(Level::kError, message, fields);
}
void Flush();

}  // namespace registryd::log
