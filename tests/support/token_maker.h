// Makes keys, JWKS files and JSON Web Tokens for tests, good ones and bad ones.
//
//   SigningKey key("ES256", "k1");
//   Jwks({&key});                                             // {"keys":[...]}
//   key.Token(R"({"iss":"i","aud":"a","sub":"alice","exp":2000000000})");
//   JoinToken(R"({"alg":"none"})", body, "");                 // whatever one likes
//
// Threads: one for each key.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace registryd::testing {

inline std::string Base64Url(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  uint32_t bits = 0;
  int held = 0;
  for (char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) text += kDigits[(bits >> (held - 6)) & 63];
  }
  if (held > 0) text += kDigits[(bits << (6 - held)) & 63];
  return text;
}

inline std::string JoinToken(const std::string& header, const std::string& body,
                             const std::string& signature) {
  return Base64Url(header) + "." + Base64Url(body) + "." + Base64Url(signature);
}

// As a server would that takes a public key for a shared secret.
inline std::string HmacToken(const std::string& header, const std::string& body,
                             const std::string& secret) {
  const std::string text = Base64Url(header) + "." + Base64Url(body);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
  return text + "." + Base64Url(std::string(reinterpret_cast<char*>(mac), size));
}

class SigningKey {
 public:
  // RS256, ES256 or EdDSA.
  SigningKey(std::string algorithm, std::string kid, int rsa_bits = 2048)
      : algorithm_(std::move(algorithm)), kid_(std::move(kid)) {
    if (algorithm_ == "RS256") {
      key_ = EVP_RSA_gen(static_cast<unsigned>(rsa_bits));
    } else if (algorithm_ == "ES256") {
      key_ = EVP_EC_gen("P-256");
    } else {
      key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    }
    if (key_ == nullptr) std::abort();
  }
  ~SigningKey() { EVP_PKEY_free(key_); }
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;

  std::string Jwk() const {
    const std::string head =
        R"({"kid":")" + kid_ + R"(","use":"sig","alg":")" + algorithm_ + R"(",)";
    if (algorithm_ == "RS256") {
      return head + R"("kty":"RSA","n":")" + Number(OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
             Number(OSSL_PKEY_PARAM_RSA_E) + R"("})";
    }
    if (algorithm_ == "ES256") {
      return head + R"("kty":"EC","crv":"P-256","x":")" + Number(OSSL_PKEY_PARAM_EC_PUB_X, 32) +
             R"(","y":")" + Number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + R"("})";
    }
    unsigned char raw[32];
    size_t size = sizeof(raw);
    EVP_PKEY_get_raw_public_key(key_, raw, &size);
    return head + R"("kty":"OKP","crv":"Ed25519","x":")" +
           Base64Url(std::string(reinterpret_cast<char*>(raw), size)) + R"("})";
  }

  std::string Header() const {
    return R"({"alg":")" + algorithm_ + R"(","typ":"JWT","kid":")" + kid_ + R"("})";
  }
  std::string Token(const std::string& body) const { return TokenWith(Header(), body); }
  std::string TokenWith(const std::string& header, const std::string& body) const {
    const std::string text = Base64Url(header) + "." + Base64Url(body);
    return text + "." + Base64Url(Sign(text));
  }
  // The public key in PEM form: what an attacker has.
  std::string PublicPem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key_);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);  // NOLINT: OpenSSL's type
    std::string pem(data, static_cast<size_t>(size));
    BIO_free(bio);
    return pem;
  }

 private:
  std::string Number(const char* name, int size = 0) const {
    BIGNUM* number = nullptr;
    if (EVP_PKEY_get_bn_param(key_, name, &number) != 1) std::abort();
    std::string bytes(static_cast<size_t>(size == 0 ? BN_num_bytes(number) : size), '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
                 static_cast<int>(bytes.size()));
    BN_free(number);
    return Base64Url(bytes);
  }

  std::string Sign(const std::string& text) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    const EVP_MD* digest = algorithm_ == "EdDSA" ? nullptr : EVP_sha256();
    unsigned char signature[1024];
    size_t size = sizeof(signature);
    if (EVP_DigestSignInit(context, nullptr, digest, nullptr, key_) != 1 ||
        EVP_DigestSign(context, signature, &size,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
      std::abort();
    }
    EVP_MD_CTX_free(context);
    if (algorithm_ != "ES256") return std::string(reinterpret_cast<char*>(signature), size);
    const unsigned char* at = signature;
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size));  // NOLINT
    std::string joined(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(joined.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
    ECDSA_SIG_free(pair);
    return joined;
  }

  const std::string algorithm_;
  const std::string kid_;
  EVP_PKEY* key_ = nullptr;
};

inline std::string Jwks(const std::vector<const SigningKey*>& keys) {
  std::string text = R"({"keys":[)";
  for (const SigningKey* key : keys) text += (key == keys.front() ? "" : ",") + key->Jwk();
  return text + "]}";
}

}  // namespace registryd::testing
