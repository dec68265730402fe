// Foreign bytes as the TOML of a policy file. Whatever is accepted compiles to the same again.
//
// libFuzzer calls the function below (tests/fuzz/run.sh config);
// tests/unit/server/policy_file_test.cc calls it with mutated policies.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "registryd/base/check.h"
#include "registryd/server/policy_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace registryd;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = server::ParsePolicy(text, "fuzz");
  if (!policy.ok()) return 0;
  const auto again = server::ParsePolicy(text, "fuzz");
  REGISTRYD_CHECK(again.ok() && again->roles() == policy->roles() &&
                      again->identities() == policy->identities(),
                  "the same bytes gave another policy");
  return 0;
}
