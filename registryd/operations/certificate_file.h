// What a daemon wants to know of its own certificate before and while it uses it.
//
//   ASSIGN_OR_RETURN(CertificateFacts facts, InspectCertificate(cert_path));
//   RETURN_IF_ERROR(CheckKeyPair(cert_path, key_path));
//
// Threads: any. Errors: INVALID_ARGUMENT names the file and says what is wrong with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace registryd::operations {

struct CertificateFacts {
  int64_t not_before_ms = 0;  // wall clock
  int64_t not_after_ms = 0;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
};

// The first certificate of a PEM file.
absl::StatusOr<CertificateFacts> InspectCertificate(const std::string& path);
// Whether the key belongs to the certificate.
absl::Status CheckKeyPair(const std::string& cert_path, const std::string& key_path);

}  // namespace registryd::operations
