#include "registryd/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "registryd/base/clock.h"
#include "registryd/base/text.h"

namespace registryd::log {
namespace {

std::atomic<Level> current_level{Level::kInfo};
std::atomic<Format> current_format{Format::kText};

// Never destroyed: threads may log while the process exits.
spdlog::logger& Logger() {
  static auto* logger = [] {
    auto* made = new spdlog::logger("registryd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string Timestamp() {
  const int64_t now_ms = SystemClock().WallMs();
  const auto seconds = static_cast<std::time_t>(now_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     now_ms % 1000);
}

// A text value is quoted where it would be read wrongly otherwise; control characters never reach a
// terminal.
std::string TextValue(const Field& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    const bool plain = !text->empty() && text->find_first_of(" \"=\n\r\t\\") == std::string::npos;
    if (plain) return *text;
    return nlohmann::json(*text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  }
  return std::visit([](const auto& value) { return fmt::format("{}", value); }, field.value);
}

std::string JsonLine(Level level, std::string_view message, Fields fields) {
  nlohmann::ordered_json line;
  line["time"] = Timestamp();
  line["level"] = ToString(level);
  line["msg"] = message;
  for (const Field& field : fields) {
    std::visit([&](const auto& value) { line[std::string(field.name)] = value; }, field.value);
  }
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string TextLine(Level level, std::string_view message, Fields fields) {
  std::string line = fmt::format("{} {:<7} {}", Timestamp(), ToString(level), message);
  for (const Field& field : fields) line += Text(" ", field.name, "=", TextValue(field));
  return line;
}

}  // namespace

void Init(Level level, Format format) {
  current_level = level;
  current_format = format;
}

void SetLevel(Level level) { current_level = level; }

Level CurrentLevel() { return current_level; }

std::string_view ToString(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "unknown";
}

bool Enabled(Level level) { return level >= current_level.load(std::memory_order_relaxed); }

bool ParseLevel(std::string_view word, Level* level) {
  for (Level candidate : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    if (word == ToString(candidate)) {
      *level = candidate;
      return true;
    }
  }
  return false;
}

void Write(Level level, std::string_view message, Fields fields) {
  Logger().log(spdlog::level::info, current_format == Format::kJson
                                        ? JsonLine(level, message, fields)
                                        : TextLine(level, message, fields));
}

void Flush() { Logger().flush(); }

}  // namespace registryd::log
