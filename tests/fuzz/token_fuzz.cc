// Foreign bytes as a bearer token, as a JWKS file, and as the text of Base64 for URLs. No token
// that nobody has signed may be taken.
//
// libFuzzer calls the function below (tests/fuzz/run.sh token); tests/unit/operations/fuzz_test.cc
// calls it with the corpus and with what comes of it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "registryd/base/check.h"
#include "registryd/operations/token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace registryd;              // NOLINT(google-build-using-namespace)
  using namespace registryd::operations;  // NOLINT(google-build-using-namespace)
  // RFC 8037, appendix A.2: a public key whose private one signs nothing here.
  static const KeySet* const keys = new KeySet(*KeySet::Parse(
      R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})"));
  static const TokenRules* const rules = new TokenRules{.issuer = "i", .audiences = {"a"}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  REGISTRYD_CHECK(!CheckToken(text, *keys, *rules, 1'800'000'000'000).ok(),
                  "a token that nobody signed was taken");
  // What stands behind the signature, too: the same parsers take header and body.
  KeySet::Parse(text).status().IgnoreError();
  if (const auto bytes = DecodeBase64Url(text)) {
    REGISTRYD_CHECK(bytes->size() == text.size() * 3 / 4, "Base64 of a wrong length");
  }
  return 0;
}
