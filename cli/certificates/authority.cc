#include "cli/certificates/authority.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace registry::cli {
namespace {

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freeing<X509_free>>;
using FilePtr = std::unique_ptr<FILE, Freeing<std::fclose>>;

constexpr char kSpiffe[] = "spiffe://";
// Clocks differ a little; a certificate is good from before it was made.
constexpr absl::Duration kBackdated = absl::Minutes(5);

absl::Status Disk(const std::string& path, const char* what) {
  return absl::UnavailableError(
      absl::StrCat(path, ": cannot be ", what, ": ", std::strerror(errno)));
}

bool IsPathCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

bool IsTrustDomain(const std::string& text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return IsPathCharacter(c) && !absl::ascii_isupper(static_cast<unsigned char>(c));
  });
}

// Segments of names with single slashes between (SPIFFE-ID, section 2.2).
bool IsSpiffePath(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.back() == '/' || path.size() > 512) return false;
  if (absl::StrContains(path, "//")) return false;
  for (size_t from = 0; from <= path.size();) {
    const size_t to = std::min(path.find('/', from), path.size());
    const std::string segment = path.substr(from, to - from);
    if (segment == "." || segment == "..") return false;
    from = to + 1;
  }
  return std::all_of(path.begin(), path.end(),
                     [](char c) { return IsPathCharacter(c) || c == '/'; });
}

bool IsHostName(const std::string& host) {
  return !host.empty() && host.size() <= 253 && host.front() != '.' && host.front() != '-' &&
         std::all_of(host.begin(), host.end(), IsPathCharacter);
}

bool IsIpAddress(const std::string& host) {
  unsigned char ignored[16];
  return inet_pton(AF_INET, host.c_str(), ignored) == 1 ||
         inet_pton(AF_INET6, host.c_str(), ignored) == 1;
}

// Written beside its place and moved into it.
template <class Write>
absl::Status WriteFile(const std::string& path, Write write) {
  const std::string draft = absl::StrCat(path, ".draft");
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Disk(draft, "made");
  FilePtr file(fdopen(fd, "w"));
  const bool written =
      file != nullptr && write(file.get()) == 1 && std::fflush(file.get()) == 0 && fsync(fd) == 0;
  file = nullptr;
  if (!written || std::rename(draft.c_str(), path.c_str()) != 0) {
    const absl::Status status = Disk(path, "written");
    unlink(draft.c_str());
    return status;
  }
  return absl::OkStatus();
}

absl::Status WriteKey(const std::string& path, EVP_PKEY* key) {
  return WriteFile(path, [key](FILE* file) {
    return PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

KeyPtr NewKey() { return KeyPtr(EVP_EC_gen("P-256")); }

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freeing<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSerial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
  bytes[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, Freeing<BN_free>> number(BN_bin2bn(bytes, sizeof(bytes), nullptr));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

// A certificate with everything that both kinds have, not signed yet.
CertificatePtr NewCertificate(const std::string& common_name, EVP_PKEY* key, absl::Duration valid) {
  CertificatePtr certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), 2) != 1 ||
      !SetSerial(certificate.get())) {
    return nullptr;
  }
  const std::time_t now = std::time(nullptr);
  const auto seconds = [](absl::Duration duration) {
    return static_cast<long>(absl::ToInt64Seconds(duration));  // NOLINT: OpenSSL's type
  };
  X509_NAME* name = X509_get_subject_name(certificate.get());
  std::time_t base = now;
  if (X509_time_adj_ex(X509_getm_notBefore(certificate.get()), 0, -seconds(kBackdated), &base) ==
          nullptr ||
      X509_time_adj_ex(X509_getm_notAfter(certificate.get()), 0, seconds(valid), &base) ==
          nullptr ||
      X509_set_pubkey(certificate.get(), key) != 1 ||
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                 -1, 0) != 1) {
    return nullptr;
  }
  return certificate;
}

absl::Status Broken() { return absl::InternalError("OpenSSL could not make the certificate"); }

struct Authority {
  CertificatePtr certificate;
  KeyPtr key;
  std::string trust_domain;
};

absl::StatusOr<Authority> LoadAuthority(const std::string& dir) {
  Authority authority;
  const std::string cert_path = absl::StrCat(dir, "/ca.pem");
  const std::string key_path = absl::StrCat(dir, "/ca.key");
  const FilePtr cert_file(std::fopen(cert_path.c_str(), "re"));
  const FilePtr key_file(std::fopen(key_path.c_str(), "re"));
  if (cert_file == nullptr || key_file == nullptr) {
    return absl::NotFoundError(absl::StrCat(
        dir,
        " has no certificate authority (ca.pem, ca.key): make one with registry-cli tls init"));
  }
  authority.certificate.reset(PEM_read_X509(cert_file.get(), nullptr, nullptr, nullptr));
  authority.key.reset(PEM_read_PrivateKey(key_file.get(), nullptr, nullptr, nullptr));
  if (authority.certificate == nullptr || authority.key == nullptr ||
      X509_check_private_key(authority.certificate.get(), authority.key.get()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(dir, ": ca.pem and ca.key are not a certificate and its key"));
  }
  const std::unique_ptr<GENERAL_NAMES, Freeing<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(authority.certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const std::string uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.ia5)),
                          static_cast<size_t>(ASN1_STRING_length(name->d.ia5)));
    if (absl::StartsWith(uri, kSpiffe)) authority.trust_domain = uri.substr(sizeof(kSpiffe) - 1);
  }
  if (!IsTrustDomain(authority.trust_domain)) {
    return absl::InvalidArgumentError(absl::StrCat(
        cert_path, ": was not made by registry-cli tls init: it names no trust domain"));
  }
  return authority;
}

}  // namespace

absl::Status InitAuthority(const std::string& dir, const AuthorityOptions& options) {
  if (!IsTrustDomain(options.trust_domain)) {
    return absl::InvalidArgumentError(
        absl::StrCat("trust domain \"", options.trust_domain,
                     "\": write lower-case letters, digits, '.', '-' and '_'"));
  }
  if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return Disk(dir, "made");
  const std::string cert_path = absl::StrCat(dir, "/ca.pem");
  const std::string key_path = absl::StrCat(dir, "/ca.key");
  if (access(cert_path.c_str(), F_OK) == 0 || access(key_path.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat(dir,
                     " has a certificate authority already: what it issued would be worthless "
                     "with another one; name another directory"));
  }
  const KeyPtr key = NewKey();
  if (key == nullptr) return Broken();
  const CertificatePtr certificate = NewCertificate(
      absl::StrCat("registry CA of ", options.trust_domain), key.get(), options.valid);
  X509* raw = certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
      !AddExtension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(raw, raw, NID_subject_key_identifier, "hash") ||
      !AddExtension(raw, raw, NID_subject_alt_name,
                    absl::StrCat("URI:", kSpiffe, options.trust_domain)) ||
      X509_sign(raw, key.get(), EVP_sha256()) == 0) {
    return Broken();
  }
  if (absl::Status status = WriteKey(key_path, key.get()); !status.ok()) return status;
  return WriteFile(cert_path, [raw](FILE* file) { return PEM_write_X509(file, raw); });
}

absl::StatusOr<Issued> IssueCertificate(const std::string& dir, const IssueRequest& request) {
  absl::StatusOr<Authority> authority = LoadAuthority(dir);
  if (!authority.ok()) return authority.status();
  Issued issued;
  std::vector<std::string> names;
  if (!request.path.empty()) {
    if (!IsSpiffePath(request.path)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", request.path,
                       "\" is no path of an identity: write names with slashes between, like "
                       "shop/web"));
    }
    issued.uri = absl::StrCat(kSpiffe, authority->trust_domain, "/", request.path);
    names.push_back(absl::StrCat("URI:", issued.uri));
  }
  for (const std::string& host : request.hosts) {
    if (IsIpAddress(host)) {
      names.push_back(absl::StrCat("IP:", host));
    } else if (IsHostName(host)) {
      names.push_back(absl::StrCat("DNS:", host));
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", host, "\" is neither a host name nor an IP address"));
    }
  }
  if (names.empty()) {
    return absl::InvalidArgumentError("a certificate needs a name: an identity or a host");
  }
  if (request.name.empty() ||
      !std::all_of(request.name.begin(), request.name.end(), IsPathCharacter) ||
      request.name.front() == '.' || request.name == "ca") {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", request.name, "\" is no name for the files of a certificate"));
  }
  const KeyPtr key = NewKey();
  if (key == nullptr) return Broken();
  const CertificatePtr certificate = NewCertificate(request.name, key.get(), request.valid);
  X509* raw = certificate.get();
  X509* issuer = authority->certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(issuer)) != 1 ||
      !AddExtension(raw, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(raw, issuer, NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(raw, issuer, NID_ext_key_usage,
                    request.server ? "serverAuth,clientAuth" : "clientAuth") ||
      !AddExtension(raw, issuer, NID_subject_key_identifier, "hash") ||
      !AddExtension(raw, issuer, NID_authority_key_identifier, "keyid") ||
      !AddExtension(raw, issuer, NID_subject_alt_name, absl::StrJoin(names, ",")) ||
      X509_sign(raw, authority->key.get(), EVP_sha256()) == 0) {
    return Broken();
  }
  issued.cert_file = absl::StrCat(dir, "/", request.name, ".pem");
  issued.key_file = absl::StrCat(dir, "/", request.name, ".key");
  std::tm utc{};
  ASN1_TIME_to_tm(X509_get0_notAfter(raw), &utc);
  issued.expires = absl::FromTimeT(timegm(&utc));
  if (absl::Status status = WriteKey(issued.key_file, key.get()); !status.ok()) return status;
  if (absl::Status status =
          WriteFile(issued.cert_file, [raw](FILE* file) { return PEM_write_X509(file, raw); });
      !status.ok()) {
    return status;
  }
  return issued;
}

}  // namespace registry::cli
