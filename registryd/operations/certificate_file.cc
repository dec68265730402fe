#include "registryd/operations/certificate_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <ctime>
#include <memory>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using FilePtr = std::unique_ptr<FILE, Freeing<std::fclose>>;
using CertificatePtr = std::unique_ptr<X509, Freeing<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;

absl::Status Wrong(const std::string& path, std::string_view why) {
  ERR_clear_error();
  return absl::InvalidArgumentError(Text(path, ": ", why));
}

absl::StatusOr<CertificatePtr> ReadCertificate(const std::string& path) {
  const FilePtr file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return Wrong(path, "cannot be read");
  CertificatePtr certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return Wrong(path, "has no certificate in PEM form");
  return certificate;
}

int64_t ToMs(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return 0;
  return static_cast<int64_t>(timegm(&utc)) * 1000;
}

}  // namespace

absl::StatusOr<CertificateFacts> InspectCertificate(const std::string& path) {
  ASSIGN_OR_RETURN(const CertificatePtr certificate, ReadCertificate(path));
  CertificateFacts facts;
  facts.not_before_ms = ToMs(X509_get0_notBefore(certificate.get()));
  facts.not_after_ms = ToMs(X509_get0_notAfter(certificate.get()));
  const std::unique_ptr<GENERAL_NAMES, Freeing<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI && name->type != GEN_DNS) continue;
    const ASN1_STRING* value = name->d.ia5;
    std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                     static_cast<size_t>(ASN1_STRING_length(value)));
    (name->type == GEN_URI ? facts.uris : facts.dns_names).push_back(std::move(text));
  }
  return facts;
}

absl::Status CheckKeyPair(const std::string& cert_path, const std::string& key_path) {
  ASSIGN_OR_RETURN(const CertificatePtr certificate, ReadCertificate(cert_path));
  const FilePtr file(std::fopen(key_path.c_str(), "re"));
  if (file == nullptr) return Wrong(key_path, "cannot be read");
  // No passphrase is asked for: a daemon has nobody to type it.
  const KeyPtr key(PEM_read_PrivateKey(
      file.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  if (key == nullptr) return Wrong(key_path, "has no private key in PEM form without passphrase");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong(key_path, Text("is not the key of the certificate in ", cert_path));
  }
  return absl::OkStatus();
}

}  // namespace registryd::operations
