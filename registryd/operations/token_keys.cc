#include "registryd/operations/token_keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"

namespace registryd::operations {
namespace {

using Json = nlohmann::json;

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freeing<BN_free>>;

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;
constexpr size_t kEcCoordinate = 32;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

NumberPtr Number(std::string_view bytes) {
  return NumberPtr(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

KeyPtr FromParameters(const char* type, OSSL_PARAM_BLD* builder) {
  std::unique_ptr<OSSL_PARAM, Freeing<OSSL_PARAM_free>> parameters(
      OSSL_PARAM_BLD_to_param(builder));
  std::unique_ptr<EVP_PKEY_CTX, Freeing<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return KeyPtr(key);
}

using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Freeing<OSSL_PARAM_BLD_free>>;

KeyPtr RsaKey(std::string_view modulus, std::string_view exponent) {
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  const NumberPtr n = Number(modulus);
  const NumberPtr e = Number(exponent);
  if (builder == nullptr || n == nullptr || e == nullptr || BN_num_bits(n.get()) < kRsaBitsMin ||
      BN_num_bits(n.get()) > kRsaBitsMax || BN_num_bits(e.get()) > 64 || !BN_is_odd(e.get()) ||
      BN_is_one(e.get())) {
    return nullptr;
  }
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return FromParameters("RSA", builder.get());
}

KeyPtr EcKey(std::string_view x, std::string_view y) {
  if (x.size() != kEcCoordinate || y.size() != kEcCoordinate) return nullptr;
  const std::string point = Text('\4', x, y);  // uncompressed
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr) return nullptr;
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return FromParameters("EC", builder.get());  // fails for a point that is not on the curve
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// ES256 has the two numbers side by side; OpenSSL wants them in DER.
std::optional<std::string> ToDer(std::string_view signature) {
  if (signature.size() != 2 * kEcCoordinate) return std::nullopt;
  std::unique_ptr<ECDSA_SIG, Freeing<ECDSA_SIG_free>> pair(ECDSA_SIG_new());
  NumberPtr r = Number(signature.substr(0, kEcCoordinate));
  NumberPtr s = Number(signature.substr(kEcCoordinate));
  if (pair == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(pair.get(), r.release(), s.release()) != 1) {
    return std::nullopt;
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string result(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return result;
}

absl::Status Unverified(std::string_view why) {
  return absl::UnauthenticatedError(Text("token: ", why));
}

}  // namespace

struct KeySet::Key {
  std::string kid;
  SignatureAlgorithm algorithm = SignatureAlgorithm::kRs256;
  KeyPtr key;
};

std::optional<SignatureAlgorithm> ParseAlgorithm(std::string_view name) {
  if (name == "RS256") return SignatureAlgorithm::kRs256;
  if (name == "ES256") return SignatureAlgorithm::kEs256;
  if (name == "EdDSA") return SignatureAlgorithm::kEdDsa;
  return std::nullopt;
}

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int held = 0;
  for (char c : text) {
    uint32_t digit;
    if (c >= 'A' && c <= 'Z') {
      digit = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      digit = static_cast<uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0') + 52;
    } else if (c == '-') {
      digit = 62;
    } else if (c == '_') {
      digit = 63;
    } else {
      return std::nullopt;
    }
    bits = (bits << 6) | digit;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<char>((bits >> held) & 0xff));
    }
  }
  // Left-over bits would give one token two texts.
  if ((bits & ((1u << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

absl::StatusOr<KeySet> KeySet::Parse(std::string_view json) {
  const auto wrong = [](std::string_view why) {
    return absl::InvalidArgumentError(Text("JWKS: ", why));
  };
  if (json.size() > kFileSizeMax) return wrong(Text("larger than ", kFileSizeMax, " bytes"));
  const Json file = Json::parse(json, nullptr, false);
  if (file.is_discarded() || !file.is_object() || !file.contains("keys") ||
      !file["keys"].is_array()) {
    return wrong("not a JSON object with an array \"keys\"");
  }
  if (file["keys"].size() > kKeysMax) return wrong(Text("more than ", kKeysMax, " keys"));
  KeySet set;
  size_t position = 0;
  for (const Json& entry : file["keys"]) {
    const std::string path = Text("keys[", position++, "]: ");
    if (!entry.is_object()) return wrong(Text(path, "not an object"));
    const std::string use = TextOf(entry, "use");
    if (!use.empty() && use != "sig") continue;
    const std::string type = TextOf(entry, "kty");
    const std::string curve = TextOf(entry, "crv");
    const std::string said = TextOf(entry, "alg");
    const auto part = [&](const char* name) {
      return DecodeBase64Url(TextOf(entry, name)).value_or(std::string());
    };
    auto key = std::make_shared<Key>();
    key->kid = TextOf(entry, "kid");
    const char* algorithm = "";
    if (type == "RSA") {
      algorithm = "RS256";
      key->key = RsaKey(part("n"), part("e"));
    } else if (type == "EC" && curve == "P-256") {
      algorithm = "ES256";
      key->key = EcKey(part("x"), part("y"));
    } else if (type == "OKP" && curve == "Ed25519") {
      algorithm = "EdDSA";
      const std::string x = part("x");
      key->key = KeyPtr(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(x), x.size()));
    } else if (type == "oct") {
      return wrong(Text(path, "a symmetric key; whoever can check a token with it can make one"));
    } else {
      return wrong(Text(path, "neither RSA nor EC P-256 nor OKP Ed25519"));
    }
    if (key->key == nullptr) {
      return wrong(Text(path, "not a valid ", algorithm, " key (RSA: ", kRsaBitsMin, " to ",
                        kRsaBitsMax, " bits)"));
    }
    if (!said.empty() && said != algorithm) {
      return wrong(Text(path, "\"alg\" must be ", algorithm, " for this key"));
    }
    key->algorithm = *ParseAlgorithm(algorithm);
    for (const auto& other : set.keys_) {
      if (other->kid == key->kid) {
        return wrong(Text(path, "kid ", core::Quoted(key->kid), " stands there twice"));
      }
    }
    set.keys_.push_back(std::move(key));
  }
  if (set.keys_.empty()) return wrong("no key for signatures in it");
  return set;
}

absl::Status KeySet::Verify(SignatureAlgorithm algorithm, std::string_view kid,
                            std::string_view signed_text, std::string_view signature) const {
  const Key* key = nullptr;
  for (const auto& candidate : keys_) {
    if (candidate->kid == kid || (kid.empty() && keys_.size() == 1)) key = candidate.get();
  }
  if (key == nullptr) {
    return Unverified(
        Text("signed with key ", core::Quoted(kid), ", which is not in the JWKS file"));
  }
  if (key->algorithm != algorithm) {
    return Unverified(Text("key ", core::Quoted(kid), " is not for the algorithm that it names"));
  }
  std::string der;
  if (algorithm == SignatureAlgorithm::kEs256) {
    auto converted = ToDer(signature);
    if (!converted) return Unverified("the signature has a wrong length");
    der = *std::move(converted);
    signature = der;
  }
  const std::unique_ptr<EVP_MD_CTX, Freeing<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  const EVP_MD* digest = algorithm == SignatureAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  // The key is only read, whatever the signature says.
  auto* raw = const_cast<EVP_PKEY*>(key->key.get());
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, raw) != 1 ||
      EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(signed_text),
                       signed_text.size()) != 1) {
    return Unverified("the signature is wrong");
  }
  return absl::OkStatus();
}

}  // namespace registryd::operations
