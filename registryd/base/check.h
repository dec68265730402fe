// Invariants and early returns.
//
//   REGISTRYD_CHECK(index > applied, "entry applied twice");     // a bug or a dying disk: log and
//   abort RETURN_IF_ERROR(store->Open()); ASSIGN_OR_RETURN(auto names, store->List());
//
// A CHECK is never the answer to bad input.
#pragma once

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace registryd {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              std::string_view message);

}  // namespace registryd

#define REGISTRYD_CHECK(condition, message)                                \
  do {                                                                     \
    if (!(condition)) [[unlikely]]                                         \
      ::registryd::CheckFailed(__FILE__, __LINE__, #condition, (message)); \
  } while (false)

#define RETURN_IF_ERROR(expression)                                     \
  do {                                                                  \
    if (absl::Status status_or_ok = (expression); !status_or_ok.ok()) { \
      return status_or_ok;                                              \
    }                                                                   \
  } while (false)

#define REGISTRYD_CONCAT_INNER(a, b) a##b
#define REGISTRYD_CONCAT(a, b) REGISTRYD_CONCAT_INNER(a, b)
#define ASSIGN_OR_RETURN_IMPL(result, target, expression) \
  auto result = (expression);                             \
  if (!result.ok()) return result.status();               \
  target = *std::move(result)
#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_IMPL(REGISTRYD_CONCAT(result_, __LINE__), target, expression)
