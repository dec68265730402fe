// SemVer 2.0 versions and ranges of them.
//
//   ASSIGN_OR_RETURN(VersionRange range, VersionRange::Parse("version_range", ">=1.2 <2 || 3.x"));
//   range.Matches("1.4.2");
//
// Grammar and meaning are those of npm's node-semver without hyphen ranges, "v" and "~>":
// comparators joined by spaces (and), these joined by "||" (or; where nothing stands beside it, "*"
// is meant). A comparator is =, <, <=, >, >=, ^, ~ or nothing, and a full or a partial version:
//   1.2.3-rc.1  1.2  1.x  1.2.*  *      x, X, * and what is missing stand for any number
//   =1.2        >=1.2.0 <1.3.0-0        the same without "="
//   ~1.2.3      >=1.2.3 <1.3.0-0        ~1 is 1.x
//   ^1.2.3      >=1.2.3 <2.0.0-0        ^0.2.3 is <0.3.0-0, ^0.0.3 is <0.0.4-0
//   >1.2        >=1.3.0
//   <=1.2       <1.3.0-0
//   <1.2        <1.2.0-0
// Spaces may follow the sign. A number after an x (1.x.3) is refused, and so is a pre-release of
// less than three numbers. A pre-release (1.2.0-rc.1) matches only where a comparator of the same
// major.minor.patch in the same alternative names a pre-release: "*" matches none, but
// "* || 1.2.0-rc.1" that one. An instance without a version, or one whose version is not SemVer,
// matches no range; the empty range matches everything.
//
// Limits (core/limits.h): 256 bytes, 16 comparators, 18 digits of a number.
// Errors: INVALID_ARGUMENT with the field's path, the column (a byte, from 1) and what was
// expected:
//   version_range: column 3: expected a version such as 1, 1.2, 1.x or 1.2.3-rc.1, is "v1"
// Threads: immutable. Cost of Matches: parsing the version, then one comparison per comparator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace registryd::core {

struct Version {
  uint64_t major = 0;
  uint64_t minor = 0;
  uint64_t patch = 0;
  std::vector<std::string> prerelease;  // {"rc", "1"}
  // Nothing when the text is not SemVer 2.0 or a number has more than 18 digits. Build metadata is
  // accepted and has no rank.
  static std::optional<Version> Parse(std::string_view text);
};
// SemVer precedence: negative, 0, positive.
int Compare(const Version& a, const Version& b);

class VersionRange {
 public:
  VersionRange() = default;
  static absl::StatusOr<VersionRange> Parse(std::string_view path, std::string_view text);

  bool Matches(std::string_view version) const;
  bool empty() const { return alternatives_.empty(); }
  // The same for ranges that differ only in order, repetition, spaces, build metadata and the
  // spelling of a comparator (1, =1.x, ^1.0.0; but not >1 and >=2). A range itself, never longer
  // than what was parsed: "3||<2 >=1.2".
  const std::string& Canonical() const { return canonical_; }

 private:
  friend class VersionRangeParser;
  enum class Operator : uint8_t { kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
  struct Comparator {
    Operator op = Operator::kEqual;
    Version version;
  };
  // Or of ands. An alternative without comparators is "*".
  std::vector<std::vector<Comparator>> alternatives_;
  std::string canonical_;
};

}  // namespace registryd::core
