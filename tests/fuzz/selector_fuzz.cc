// Foreign bytes into the parsers of label selectors and version ranges. Whatever is accepted must
// have a canonical text that is no longer, parses to itself and chooses the same.
//
// libFuzzer calls the function below; tests/unit/core/selector_fuzz_test.cc calls it with texts
// made of the grammars' words.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/core/selector.h"
#include "registryd/core/version_range.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void FeedSelector(std::string_view text) {
  using registryd::core::Label;
  using registryd::core::Selector;
  const absl::StatusOr<Selector> selector = Selector::Parse("selector", text);
  if (!selector.ok()) return;
  const std::string canonical = selector->Canonical();
  REGISTRYD_CHECK(canonical.size() <= text.size(), "the canonical selector is longer");
  const absl::StatusOr<Selector> again = Selector::Parse("selector", canonical);
  REGISTRYD_CHECK(again.ok() && again->Canonical() == canonical,
                  "the canonical selector is another one");
  const std::vector<std::vector<Label>> sets = {
      {},
      {{"a", ""}},
      {{"a", "b"}, {"in", "a"}},
      {{"a", "in"}, {"b", "a"}, {"example.com/a", "b"}},
  };
  for (const auto& labels : sets) {
    REGISTRYD_CHECK(selector->Matches(labels) == again->Matches(labels),
                    "the canonical selector chooses something else");
  }
}

void FeedRange(std::string_view text) {
  using registryd::core::VersionRange;
  const absl::StatusOr<VersionRange> range = VersionRange::Parse("version_range", text);
  if (!range.ok()) return;
  const std::string& canonical = range->Canonical();
  REGISTRYD_CHECK(canonical.size() <= text.size(), "the canonical range is longer");
  const absl::StatusOr<VersionRange> again = VersionRange::Parse("version_range", canonical);
  REGISTRYD_CHECK(again.ok() && again->Canonical() == canonical && again->empty() == range->empty(),
                  "the canonical range is another one");
  for (const std::string_view version :
       {"", "1", "0.0.0", "0.0.1", "0.1.0", "0.1.2", "1.0.0-0", "1.0.0-rc.1", "1.0.0", "1.2.0",
        "1.2.3-rc.1", "1.2.3", "1.3.0-0", "2.0.0", "10.2.1"}) {
    REGISTRYD_CHECK(range->Matches(version) == again->Matches(version),
                    "the canonical range chooses something else");
  }
}

void FeedVersion(std::string_view text) {
  using registryd::core::Version;
  const std::optional<Version> version = Version::Parse(text);
  if (!version) return;
  REGISTRYD_CHECK(Compare(*version, *version) == 0, "a version differs from itself");
  const Version zero;
  REGISTRYD_CHECK(Compare(*version, zero) == -Compare(zero, *version), "the order is one-sided");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  FeedSelector(text);
  FeedRange(text);
  FeedVersion(text);
  return 0;
}
