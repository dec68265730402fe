#include "registryd/core/selector.h"

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"
#include "registryd/core/limits.h"
#include "registryd/core/validate.h"

namespace registryd::core {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kEndsWord = " \t\r\n=!(),<>";

// Sorted without repetitions.
template <class T>
void Normalize(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

// Reads the text from left to right; `at_` is the next byte.
class SelectorParser {
 public:
  SelectorParser(std::string_view path, std::string_view text) : path_(path), text_(text) {}

  absl::StatusOr<Selector> Parse() {
    Selector selector;
    SkipSpaces();
    if (AtEnd()) return selector;
    do {
      if (selector.requirements_.size() == limits::kSelectorRequirements) {
        return Broken("at most ", limits::kSelectorRequirements, " requirements are allowed");
      }
      ASSIGN_OR_RETURN(Requirement requirement, ParseRequirement());
      selector.requirements_.push_back(std::move(requirement));
      SkipSpaces();
    } while (Accept(","));
    if (!AtEnd()) {
      return Broken("expected ',' or the end after the requirement of \"",
                    selector.requirements_.back().key, "\"");
    }
    Normalize(selector.requirements_);
    return selector;
  }

 private:
  using Operator = Selector::Operator;
  using Requirement = Selector::Requirement;

  absl::StatusOr<Requirement> ParseRequirement() {
    Requirement requirement;
    SkipSpaces();
    const bool absent = Accept("!");
    ASSIGN_OR_RETURN(requirement.key, ParseKey());
    SkipSpaces();
    if (absent) {
      requirement.op = Operator::kAbsent;
    } else if (AtEnd() || text_[at_] == ',') {
      requirement.op = Operator::kExists;
    } else {
      RETURN_IF_ERROR(ParseOperatorAndValues(requirement));
    }
    return requirement;
  }

  absl::StatusOr<std::string> ParseKey() {
    SkipSpaces();
    const size_t column = at_ + 1;
    const std::string_view key = Word();
    if (key.empty()) return Broken("expected a key");
    RETURN_IF_ERROR(ValidateLabelKey(Place(column), key));
    return std::string(key);
  }

  absl::Status ParseOperatorAndValues(Requirement& requirement) {
    if (Accept("!=")) {
      requirement.op = Operator::kNotIn;
      return ParseOneValue(requirement);
    }
    if (Accept("==") || Accept("=")) {
      requirement.op = Operator::kIn;
      return ParseOneValue(requirement);
    }
    const size_t start = at_;
    const std::string_view word = Word();
    if (word != "in" && word != "notin") {
      at_ = start;
      return Broken("expected =, ==, !=, in, notin, ',' or the end after the key \"",
                    requirement.key, "\"");
    }
    requirement.op = word == "in" ? Operator::kIn : Operator::kNotIn;
    return ParseValues(requirement);
  }

  absl::Status ParseOneValue(Requirement& requirement) {
    SkipSpaces();
    if (!AtEnd() && text_[at_] != ',' && kEndsWord.find(text_[at_]) != std::string_view::npos) {
      return Broken("expected a value of \"", requirement.key, "\"");
    }
    return ParseValue(requirement);
  }

  absl::Status ParseValues(Requirement& requirement) {
    SkipSpaces();
    if (!Accept("(")) {
      return Broken("expected '(' before the values of \"", requirement.key, "\"");
    }
    do {
      SkipSpaces();
      if (requirement.values.size() == limits::kSelectorValues) {
        return Broken("at most ", limits::kSelectorValues, " values of \"", requirement.key,
                      "\" are allowed");
      }
      RETURN_IF_ERROR(ParseValue(requirement));
      SkipSpaces();
    } while (Accept(","));
    if (!Accept(")")) {
      return Broken("expected ',' or ')' after the values of \"", requirement.key, "\"");
    }
    Normalize(requirement.values);
    return absl::OkStatus();
  }

  // Where no word stands, it is the empty value.
  absl::Status ParseValue(Requirement& requirement) {
    const size_t start = at_;
    const std::string_view value = Word();
    if (!value.empty() && (value.size() > limits::kNameSize || !IsName(value, "._-"))) {
      at_ = start;
      return Broken("expected a value of at most ", limits::kNameSize,
                    " letters, digits and ._-, first and last a letter or digit, is ",
                    Quoted(value));
    }
    requirement.values.emplace_back(value);
    return absl::OkStatus();
  }

  bool AtEnd() const { return at_ == text_.size(); }
  void SkipSpaces() { at_ = std::min(text_.find_first_not_of(kSpaces, at_), text_.size()); }
  bool Accept(std::string_view sign) {
    if (text_.substr(at_, sign.size()) != sign) return false;
    at_ += sign.size();
    return true;
  }
  // Up to the next space or sign.
  std::string_view Word() {
    const size_t start = at_;
    at_ = std::min(text_.find_first_of(kEndsWord, at_), text_.size());
    return text_.substr(start, at_ - start);
  }

  std::string Place(size_t column) const {
    return Text(path_, path_.empty() ? "" : ": ", "column ", column);
  }
  template <class... Parts>
  absl::Status Broken(const Parts&... parts) const {
    return absl::InvalidArgumentError(Text(Place(at_ + 1), ": ", parts...));
  }

  const std::string_view path_;
  const std::string_view text_;
  size_t at_ = 0;
};

absl::StatusOr<Selector> Selector::Parse(std::string_view path, std::string_view text) {
  if (text.size() > limits::kSelectorSize) {
    return absl::InvalidArgumentError(Text(path, path.empty() ? "" : ": ", "must be at most ",
                                           limits::kSelectorSize, " bytes, is ", text.size()));
  }
  return SelectorParser(path, text).Parse();
}

bool Selector::Matches(const std::vector<Label>& sorted_labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& r) {
    const auto label =
        std::lower_bound(sorted_labels.begin(), sorted_labels.end(), r.key,
                         [](const Label& a, const std::string& key) { return a.key < key; });
    const bool exists = label != sorted_labels.end() && label->key == r.key;
    const auto listed = [&] {
      return std::binary_search(r.values.begin(), r.values.end(), label->value);
    };
    switch (r.op) {
      case Operator::kIn:
        return exists && listed();
      case Operator::kNotIn:
        return !exists || !listed();
      case Operator::kExists:
        return exists;
      case Operator::kAbsent:
        return !exists;
    }
    return false;
  });
}

std::string Selector::Canonical() const {
  std::string out;
  for (const Requirement& r : requirements_) {
    if (!out.empty()) out += ',';
    if (r.op == Operator::kAbsent) out += '!';
    out += r.key;
    if (r.op == Operator::kExists || r.op == Operator::kAbsent) continue;
    const bool in = r.op == Operator::kIn;
    if (r.values.size() == 1) {
      out += Text(in ? "=" : "!=", r.values[0]);
      continue;
    }
    out += in ? " in(" : " notin(";
    for (size_t i = 0; i < r.values.size(); ++i) out += Text(i == 0 ? "" : ",", r.values[i]);
    out += ')';
  }
  return out;
}

}  // namespace registryd::core
