// Foreign bytes as the rules and identities of a policy, and as the identity that is judged. The
// first line is the identity; each following one a rule, or behind a '=' an identity's pattern.
//
// libFuzzer calls the function below (tests/fuzz/run.sh policy); tests/unit/operations/fuzz_test.cc
// calls it with the corpus and with what comes of it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "registryd/base/check.h"
#include "registryd/operations/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace registryd;              // NOLINT(google-build-using-namespace)
  using namespace registryd::operations;  // NOLINT(google-build-using-namespace)
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&rest] {
    const size_t end = rest.find('\n');
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return text;
  };
  const std::string identity(line());
  PolicyText text;
  text.roles.emplace_back("r", std::vector<std::string>());
  while (!rest.empty()) {
    const std::string_view next = line();
    if (!next.empty() && next[0] == '=') {
      text.identities.emplace_back(std::string(next.substr(1)), std::vector<std::string>{"r"});
    } else {
      text.roles[0].second.emplace_back(next);
    }
  }
  const auto policy = Policy::Compile(text);
  if (!policy.ok()) return 0;
  const auto grants = policy->Resolve(identity);
  for (Verb verb : kVerbs) {
    for (std::string_view object : {"", "a/b", "shop/web", "a/../b", "*/*"}) {
      const bool allowed = grants->Allows(verb, object);
      // What may be used everywhere may be used on each; no identity without a pattern gets in.
      REGISTRYD_CHECK(!allowed || !text.identities.empty(), "allowed to nobody");
      REGISTRYD_CHECK(allowed || !grants->Allows(verb, ""), "everything is less than a part");
      grants->Explain(identity, verb, object);
    }
  }
  return 0;
}
