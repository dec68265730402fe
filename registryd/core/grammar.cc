#include "registryd/core/grammar.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace registryd::core {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsLetter(char c) { return IsLower(c) || (c >= 'A' && c <= 'Z'); }
bool IsLetterOrDigit(char c) { return IsLetter(c) || IsDigit(c); }

template <class Predicate>
bool AllOf(std::string_view text, Predicate predicate) {
  return !text.empty() && std::all_of(text.begin(), text.end(), predicate);
}

// Calls `each` for every part between separators, also for empty ones; stops at the first false.
template <class Each>
bool ForEachPart(std::string_view text, char separator, Each each) {
  while (true) {
    const size_t end = text.find(separator);
    if (!each(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool IsDnsLabel(std::string_view label) { return label.size() <= 63 && IsName(label, "-"); }

// A number without leading zeros.
bool IsSemVerNumber(std::string_view text) {
  return AllOf(text, IsDigit) && (text.size() == 1 || text[0] != '0');
}

bool IsSemVerIdentifier(std::string_view text) {
  return AllOf(text, [](char c) { return IsLetterOrDigit(c) || c == '-'; });
}

// Size of the UTF-8 character at the front when it is valid and printable, else 0.
size_t PrintableSize(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  uint32_t point = lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    point = (point << 6) | (byte(i) & 0x3fu);
  }
  const bool overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return overlong || surrogate || point > 0x10ffff || point < 0xa0 ? 0 : size;
}

}  // namespace

bool IsName(std::string_view text, std::string_view also) {
  return !text.empty() && IsLetterOrDigit(text.front()) && IsLetterOrDigit(text.back()) &&
         AllOf(text, [also](char c) {
           return IsLetterOrDigit(c) || also.find(c) != std::string_view::npos;
         });
}

bool IsSemVer(std::string_view text) {
  const size_t plus = text.find('+');
  if (plus != std::string_view::npos) {
    if (!ForEachPart(text.substr(plus + 1), '.', IsSemVerIdentifier)) return false;
    text = text.substr(0, plus);
  }
  const size_t hyphen = text.find('-');
  if (hyphen != std::string_view::npos) {
    const auto valid = [](std::string_view part) {
      return IsSemVerIdentifier(part) && (!AllOf(part, IsDigit) || IsSemVerNumber(part));
    };
    if (!ForEachPart(text.substr(hyphen + 1), '.', valid)) return false;
    text = text.substr(0, hyphen);
  }
  return std::count(text.begin(), text.end(), '.') == 2 && ForEachPart(text, '.', IsSemVerNumber);
}

bool IsHost(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  const std::string terminated(text);
  in6_addr address;
  if (inet_pton(AF_INET, terminated.c_str(), &address) == 1) return true;
  if (inet_pton(AF_INET6, terminated.c_str(), &address) == 1) return true;
  const std::string_view last = text.substr(text.rfind('.') + 1);  // all of it without a dot
  return ForEachPart(text, '.', IsDnsLabel) && !AllOf(last, IsDigit);
}

bool IsLowerDnsName(std::string_view text) {
  const auto allowed = [](char c) { return IsLower(c) || IsDigit(c) || c == '-' || c == '.'; };
  return AllOf(text, allowed) && ForEachPart(text, '.', IsDnsLabel);
}

bool IsPrintable(std::string_view text) {
  while (!text.empty()) {
    const size_t size = PrintableSize(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string Quoted(std::string_view text) {
  constexpr size_t kShown = 64;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  size_t at = 0;
  while (at < text.size() && at < kShown) {
    const size_t size = PrintableSize(text.substr(at));
    if (at + size > kShown) break;
    if (size == 0) {
      const auto byte = static_cast<unsigned char>(text[at]);
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
      ++at;
    } else {
      out.append(text.substr(at, size));
      at += size;
    }
  }
  out += at < text.size() ? "...\"" : "\"";
  return out;
}

}  // namespace registryd::core
