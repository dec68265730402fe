// Text from parts, for messages.
//
//   absl::NotFoundError(Text("lease ", id, " does not exist; register again"))
//
// Debian builds abseil for C++14, where absl::string_view is not std::string_view, so absl::StrCat
// does not take our views. Parts are strings, views, numbers, bools and strong ids.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <type_traits>

namespace registryd {

namespace text_internal {

inline void Append(std::string& out, std::string_view part) { out.append(part); }

template <class T>
requires std::is_integral_v<T>
void Append(std::string& out, T part) {
  if constexpr (std::is_same_v<T, bool>) {
    out.append(part ? "true" : "false");
  } else if constexpr (std::is_same_v<T, char>) {
    out.push_back(part);
  } else {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), part).ptr;
    out.append(digits, end);
  }
}

template <class T>
requires requires(const T& id) { id.value(); }
void Append(std::string& out, const T& part) { Append(out, part.value()); }

}  // namespace text_internal

template <class... Parts>
std::string Text(const Parts&... parts) {
  std::string out;
  (text_internal::Append(out, parts), ...);
  return out;
}

}  // namespace registryd
