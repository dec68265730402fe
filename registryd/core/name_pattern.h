// Sets of services, written as people write them: "shop/web-*", "*/metrics", "*".
//
//   ASSIGN_OR_RETURN(auto pattern, NamePattern::Parse("allow[0]", "shop/web-*"));
//   pattern.Matches("shop/web-1");          // true; "shop/db" and "shop2/web-1" are not
//
// A pattern is NAMESPACE/SERVICE. In each part a star stands for any run of characters, none
// included, and never for the slash. The pattern "*" alone is everything, also the registry as a
// whole, whose name is "". Names are compared byte by byte: case counts, as it does everywhere in
// the registry. Threads: immutable. Cost: linear in the name, but for several stars in one part.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace registryd::core {

// Does `text` match the glob, in which only '*' is special and stands for any run of characters?
bool GlobMatches(std::string_view glob, std::string_view text);

class NamePattern {
 public:
  // INVALID_ARGUMENT, beginning with `path`: not NAMESPACE/SERVICE, or a character that no name
  // has.
  static absl::StatusOr<NamePattern> Parse(std::string_view path, std::string_view text);

  // `service_name` is "namespace/service", or "" for the registry as a whole.
  bool Matches(std::string_view service_name) const;
  // Every name that begins with `prefix` ("namespace/", "namespace/web-", "") matches.
  bool CoversPrefix(std::string_view prefix) const;
  // May a name that begins with `prefix` match? Never false where one does.
  bool MeetsPrefix(std::string_view prefix) const;

  const std::string& text() const { return text_; }
  friend bool operator==(const NamePattern&, const NamePattern&) = default;

 private:
  std::string_view ns() const { return std::string_view(text_).substr(0, slash_); }
  std::string_view service() const { return std::string_view(text_).substr(slash_ + 1); }

  std::string text_;
  size_t slash_ = 0;  // npos: everything
};

// What matches any of some patterns. Sorted, so that equal sets have equal texts.
class NameSet {
 public:
  NameSet() = default;
  explicit NameSet(std::vector<NamePattern> patterns);

  bool Contains(std::string_view service_name) const;
  bool CoversPrefix(std::string_view prefix) const;
  bool MeetsPrefix(std::string_view prefix) const;
  bool empty() const { return patterns_.empty(); }
  const std::vector<NamePattern>& patterns() const { return patterns_; }
  // "shop/*,shop/web"; the key of the set.
  const std::string& text() const { return text_; }

 private:
  std::vector<NamePattern> patterns_;
  std::string text_;
};

}  // namespace registryd::core
