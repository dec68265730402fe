#include "registryd/core/version_range.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"
#include "registryd/core/limits.h"

namespace registryd::core {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kEndsVersion = " \t\r\n|<>=^~";

// Everything up to the separator, which is taken away with it.
std::string_view TakePart(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

bool IsNumber(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  if (!IsNumber(text) || text.size() > limits::kVersionDigits) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

template <class T>
int CompareValues(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

// Numbers come before words and have no leading zeros, so the longer one is the greater one.
int CompareIdentifiers(const std::string& a, const std::string& b) {
  const bool a_number = IsNumber(a);
  const bool b_number = IsNumber(b);
  if (a_number != b_number) return a_number ? -1 : 1;
  if (a_number && a.size() != b.size()) return CompareValues(a.size(), b.size());
  return CompareValues(a, b);
}

bool SameTriple(const Version& a, const Version& b) {
  return a.major == b.major && a.minor == b.minor && a.patch == b.patch;
}

std::string Full(const Version& v) {
  std::string out = Text(v.major, ".", v.minor, ".", v.patch);
  for (size_t i = 0; i < v.prerelease.size(); ++i) {
    out += Text(i == 0 ? "-" : ".", v.prerelease[i]);
  }
  return out;
}

// A version of which only the first `parts` numbers are given; the others are 0.
struct Partial {
  int parts = 0;
  Version version;
};

bool IsAnyNumber(std::string_view text) { return text == "x" || text == "X" || text == "*"; }

std::optional<Partial> ParsePartial(std::string_view text) {
  if (std::optional<Version> full = Version::Parse(text)) return Partial{3, *std::move(full)};
  const size_t qualifier = std::min(text.find_first_of("-+"), text.size());
  std::string_view numbers = text.substr(0, qualifier);
  if (numbers.empty() || numbers.back() == '.') return std::nullopt;
  Partial partial;
  uint64_t* const places[] = {&partial.version.major, &partial.version.minor,
                              &partial.version.patch};
  int written = 0;
  for (bool given = true; !numbers.empty(); ++written) {
    if (written == 3) return std::nullopt;
    const std::string_view part = TakePart(numbers, '.');
    const std::optional<uint64_t> number = ParseNumber(part);
    if (number ? !given : !IsAnyNumber(part)) return std::nullopt;  // 1.x.3 is nothing
    given = number.has_value();
    if (given) {
      *places[written] = *number;
      ++partial.parts;
    }
  }
  if (partial.parts == 3) return std::nullopt;  // its qualifier is broken
  if (qualifier == text.size()) return partial;
  const bool valid = written == 3 && Version::Parse(Text("0.0.0", text.substr(qualifier)));
  return valid ? std::optional(partial) : std::nullopt;
}

// As it was given, without x and *.
std::string Written(const Partial& p) {
  if (p.parts == 3) return Full(p.version);
  return p.parts == 2 ? Text(p.version.major, ".", p.version.minor) : Text(p.version.major);
}

// The shortest partial version that begins at v.
std::string Shortest(const Version& v) {
  if (v.patch != 0 || !v.prerelease.empty()) return Full(v);
  return v.minor != 0 ? Text(v.major, ".", v.minor) : Text(v.major);
}

// The lowest version, pre-releases included, of the same numbers.
Version Lowest(Version v) {
  v.prerelease = {"0"};
  return v;
}

// The first version in which the number at `place` (1 major, 2 minor, 3 patch) is one more.
Version Next(const Version& v, int place) {
  if (place == 1) return {v.major + 1, 0, 0, {}};
  if (place == 2) return {v.major, v.minor + 1, 0, {}};
  return {v.major, v.minor, v.patch + 1, {}};
}

int Sign(size_t a, size_t b) { return CompareValues(a, b); }

}  // namespace

std::optional<Version> Version::Parse(std::string_view text) {
  if (!IsSemVer(text)) return std::nullopt;
  text = text.substr(0, text.find('+'));
  std::string_view numbers = TakePart(text, '-');
  Version version;
  for (uint64_t* place : {&version.major, &version.minor, &version.patch}) {
    const std::optional<uint64_t> number = ParseNumber(TakePart(numbers, '.'));
    if (!number) return std::nullopt;
    *place = *number;
  }
  while (!text.empty()) version.prerelease.emplace_back(TakePart(text, '.'));
  return version;
}

int Compare(const Version& a, const Version& b) {
  if (a.major != b.major) return CompareValues(a.major, b.major);
  if (a.minor != b.minor) return CompareValues(a.minor, b.minor);
  if (a.patch != b.patch) return CompareValues(a.patch, b.patch);
  if (a.prerelease.empty() || b.prerelease.empty()) {
    return Sign(a.prerelease.empty(), b.prerelease.empty());
  }
  const size_t both = std::min(a.prerelease.size(), b.prerelease.size());
  for (size_t i = 0; i < both; ++i) {
    if (const int order = CompareIdentifiers(a.prerelease[i], b.prerelease[i])) return order;
  }
  return Sign(a.prerelease.size(), b.prerelease.size());
}

// Reads the text from left to right; `at_` is the next byte.
class VersionRangeParser {
 public:
  VersionRangeParser(std::string_view path, std::string_view text) : path_(path), text_(text) {}

  absl::StatusOr<VersionRange> Parse() {
    VersionRange range;
    SkipSpaces();
    if (AtEnd()) return range;
    Ordered alternatives;
    do {
      RETURN_IF_ERROR(ParseAlternative(alternatives));
    } while (Accept("||"));
    for (auto& [text, comparators] : alternatives) {
      if (!range.alternatives_.empty()) range.canonical_ += "||";
      range.canonical_ += text;
      range.alternatives_.push_back(std::move(comparators));
    }
    if (range.canonical_.empty()) range.canonical_ = "*";
    return range;
  }

 private:
  using Operator = VersionRange::Operator;
  using Comparator = VersionRange::Comparator;
  using Comparators = std::vector<Comparator>;
  using Ordered = std::map<std::string, Comparators>;  // by canonical text

  absl::Status ParseAlternative(Ordered& alternatives) {
    Ordered parts;
    SkipSpaces();
    while (!AtEnd() && text_.substr(at_, 2) != "||") {
      if (++count_ > limits::kVersionRangeComparators) {
        return Broken("at most ", limits::kVersionRangeComparators, " comparators are allowed");
      }
      RETURN_IF_ERROR(ParseComparator(parts));
    }
    std::string text;
    Comparators comparators;
    for (auto& [part_text, part] : parts) {
      text += Text(text.empty() ? "" : " ", part_text);
      std::move(part.begin(), part.end(), std::back_inserter(comparators));
    }
    alternatives.emplace(std::move(text), std::move(comparators));
    return absl::OkStatus();
  }

  // Leaves the next comparator, "||" or the end to read.
  absl::Status ParseComparator(Ordered& parts) {
    std::string_view sign;
    for (const std::string_view one : {">=", "<=", ">", "<", "=", "^", "~"}) {
      if (Accept(one)) {
        sign = one;
        break;
      }
    }
    SkipSpaces();
    const size_t start = at_;
    at_ = std::min(text_.find_first_of(kEndsVersion, at_), text_.size());
    const std::string_view version = text_.substr(start, at_ - start);
    const std::optional<Partial> partial = ParsePartial(version);
    if (!partial) {
      at_ = start;
      return Broken("expected a version such as 1, 1.2, 1.x or 1.2.3-rc.1, is ", Quoted(version));
    }
    const bool apart = AtEnd() || kSpaces.find(text_[at_]) != std::string_view::npos;
    if (!apart && text_.substr(at_, 2) != "||") {
      return Broken("expected a space, \"||\" or the end after the version ", Quoted(version));
    }
    SkipSpaces();
    Comparators comparators = Expand(sign, *partial);
    // "*" and ">=0" say nothing: pre-releases are ruled by the other comparators.
    if (comparators.empty()) return absl::OkStatus();
    std::string text = Spell(sign, *partial, comparators);
    parts.emplace(std::move(text), std::move(comparators));
    return absl::OkStatus();
  }

  static Comparators Expand(std::string_view sign, const Partial& p) {
    const Version& v = p.version;
    const bool full = p.parts == 3;
    if (p.parts == 0) {
      if (sign == "<" || sign == ">") return {{Operator::kLess, Lowest({})}};  // nothing matches
      return {};
    }
    if (sign == "<") return {{Operator::kLess, full ? v : Lowest(v)}};
    if (sign == "<=") {
      if (full) return {{Operator::kLessEqual, v}};
      return {{Operator::kLess, Lowest(Next(v, p.parts))}};
    }
    if (sign == ">") {
      if (full) return {{Operator::kGreater, v}};
      return {{Operator::kGreaterEqual, Next(v, p.parts)}};
    }
    if (sign == ">=") {
      if (Compare(v, Version()) == 0) return {};
      return {{Operator::kGreaterEqual, v}};
    }
    if (sign != "~" && sign != "^" && full) return {{Operator::kEqual, v}};
    int place = std::min(p.parts, 2);
    if (sign == "^") place = v.major != 0 || p.parts == 1 ? 1 : (v.minor != 0 || !full ? 2 : 3);
    return {{Operator::kGreaterEqual, v}, {Operator::kLess, Lowest(Next(v, place))}};
  }

  // The canonical text, from the meaning; never longer than any comparator of that meaning.
  static std::string Spell(std::string_view sign, const Partial& p,
                           const Comparators& comparators) {
    const Version& first = comparators[0].version;
    if (comparators.size() == 1) {
      if (p.parts == 0) return "<0";
      if (comparators[0].op == Operator::kEqual) return Full(first);
      if (sign == ">=") return Text(sign, Shortest(first));
      if (sign == "<" && Compare(first, Lowest(first)) == 0) {
        Version release = first;
        release.prerelease.clear();
        if (release.patch == 0) return Text(sign, Shortest(release));
      }
      return Text(sign, Written(p));
    }
    const Version& next = comparators[1].version;
    const std::string shortest = Shortest(first);
    const bool full = shortest.find('.') != shortest.rfind('.');
    if (next.major != first.major) {
      return Text(first.minor == 0 && !full ? "" : "^", shortest);
    }
    if (next.minor != first.minor) {
      return full ? Text("~", shortest) : Text(first.major, ".", first.minor);
    }
    return Text("^", Full(first));
  }

  bool AtEnd() const { return at_ == text_.size(); }
  void SkipSpaces() { at_ = std::min(text_.find_first_not_of(kSpaces, at_), text_.size()); }
  bool Accept(std::string_view sign) {
    if (text_.substr(at_, sign.size()) != sign) return false;
    at_ += sign.size();
    return true;
  }
  template <class... Parts>
  absl::Status Broken(const Parts&... parts) const {
    return absl::InvalidArgumentError(
        Text(path_, path_.empty() ? "" : ": ", "column ", at_ + 1, ": ", parts...));
  }

  const std::string_view path_;
  const std::string_view text_;
  size_t at_ = 0;
  size_t count_ = 0;
};

absl::StatusOr<VersionRange> VersionRange::Parse(std::string_view path, std::string_view text) {
  if (text.size() > limits::kVersionRangeSize) {
    return absl::InvalidArgumentError(Text(path, path.empty() ? "" : ": ", "must be at most ",
                                           limits::kVersionRangeSize, " bytes, is ", text.size()));
  }
  return VersionRangeParser(path, text).Parse();
}

bool VersionRange::Matches(std::string_view version) const {
  if (empty()) return true;
  const std::optional<Version> v = Version::Parse(version);
  if (!v) return false;
  const auto holds = [&](const Comparator& c) {
    const int order = Compare(*v, c.version);
    switch (c.op) {
      case Operator::kEqual:
        return order == 0;
      case Operator::kLess:
        return order < 0;
      case Operator::kLessEqual:
        return order <= 0;
      case Operator::kGreater:
        return order > 0;
      case Operator::kGreaterEqual:
        return order >= 0;
    }
    return false;
  };
  const auto names_prerelease = [&](const Comparator& c) {
    return !c.version.prerelease.empty() && SameTriple(c.version, *v);
  };
  return std::any_of(alternatives_.begin(), alternatives_.end(), [&](const auto& alternative) {
    return std::all_of(alternative.begin(), alternative.end(), holds) &&
           (v->prerelease.empty() ||
            std::any_of(alternative.begin(), alternative.end(), names_prerelease));
  });
}

}  // namespace registryd::core
