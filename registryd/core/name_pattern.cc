#include "registryd/core/name_pattern.h"

#include <algorithm>
#include <utility>

#include "registryd/base/text.h"
#include "registryd/core/grammar.h"

namespace registryd::core {
namespace {

constexpr size_t kPartMax = 63;

bool IsPart(std::string_view part) {
  return !part.empty() && part.size() <= kPartMax &&
         std::all_of(part.begin(), part.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-' || c == '*';
         });
}

// Does the glob match every text that begins with `prefix`?
bool GlobCovers(std::string_view glob, std::string_view prefix) {
  return !glob.empty() && glob.back() == '*' && GlobMatches(glob, prefix);
}

}  // namespace

bool GlobMatches(std::string_view glob, std::string_view text) {
  size_t g = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

absl::StatusOr<NamePattern> NamePattern::Parse(std::string_view path, std::string_view text) {
  NamePattern pattern;
  pattern.text_ = std::string(text);
  pattern.slash_ = text.find('/');
  if (text == "*") return pattern;
  if (pattern.slash_ == std::string_view::npos || !IsPart(text.substr(0, pattern.slash_)) ||
      !IsPart(text.substr(pattern.slash_ + 1))) {
    return absl::InvalidArgumentError(
        Text(path, ": ", Quoted(text),
             " is no pattern of services; write NAMESPACE/SERVICE with * for any characters, for "
             "example shop/web-*, or * for everything"));
  }
  return pattern;
}

bool NamePattern::Matches(std::string_view service_name) const {
  if (slash_ == std::string::npos) return true;
  const size_t slash = service_name.find('/');
  if (slash == std::string_view::npos || slash != service_name.rfind('/')) return false;
  return GlobMatches(ns(), service_name.substr(0, slash)) &&
         GlobMatches(service(), service_name.substr(slash + 1));
}

bool NamePattern::CoversPrefix(std::string_view prefix) const {
  if (slash_ == std::string::npos) return true;
  const size_t slash = prefix.find('/');
  if (slash == std::string_view::npos) return ns() == "*" && service() == "*";
  return GlobMatches(ns(), prefix.substr(0, slash)) &&
         GlobCovers(service(), prefix.substr(slash + 1));
}

bool NamePattern::MeetsPrefix(std::string_view prefix) const {
  const size_t slash = prefix.find('/');
  if (slash_ == std::string::npos || slash == std::string_view::npos) return true;
  if (!GlobMatches(ns(), prefix.substr(0, slash))) return false;
  // Up to the first star both are fixed texts; from there on anything may follow.
  const std::string_view fixed = service().substr(0, service().find('*'));
  const std::string_view rest = prefix.substr(slash + 1);
  if (fixed.size() == service().size()) return fixed.substr(0, rest.size()) == rest;
  const size_t common = std::min(fixed.size(), rest.size());
  return fixed.substr(0, common) == rest.substr(0, common);
}

NameSet::NameSet(std::vector<NamePattern> patterns) : patterns_(std::move(patterns)) {
  std::sort(patterns_.begin(), patterns_.end(),
            [](const NamePattern& a, const NamePattern& b) { return a.text() < b.text(); });
  patterns_.erase(std::unique(patterns_.begin(), patterns_.end()), patterns_.end());
  for (const NamePattern& pattern : patterns_) {
    if (!text_.empty()) text_ += ',';
    text_ += pattern.text();
  }
}

bool NameSet::Contains(std::string_view service_name) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const NamePattern& pattern) { return pattern.Matches(service_name); });
}

bool NameSet::CoversPrefix(std::string_view prefix) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const NamePattern& pattern) { return pattern.CoversPrefix(prefix); });
}

bool NameSet::MeetsPrefix(std::string_view prefix) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const NamePattern& pattern) { return pattern.MeetsPrefix(prefix); });
}

}  // namespace registryd::core
