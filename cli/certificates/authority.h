// A private certificate authority in a directory: ca.pem and ca.key, and what it has issued.
//
//   RETURN_IF_ERROR(InitAuthority("tls", {.trust_domain = "example.org"}));
//   IssueRequest request{.name = "a", .path = "node/a", .hosts = {"10.0.0.1"}, .server = true};
//   auto issued = IssueCertificate("tls", request);      // tls/a.pem, tls/a.key
//
// Keys are EC P-256. A certificate has the SPIFFE URI spiffe://TRUST_DOMAIN/PATH, and the hosts as
// DNS names and IP addresses; its life is short because it is cheap to issue another one, and
// nothing has to be revoked that has run out. Files are made with mode 0600 and moved into place,
// the key before the certificate, so that a daemon that is reading them never sees half a file.
//
// Errors: ALREADY_EXISTS, NOT_FOUND, INVALID_ARGUMENT, UNAVAILABLE (the disk); the message names
// the file. One thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace registry::cli {

struct AuthorityOptions {
  std::string trust_domain = "registry";  // lower-case letters, digits, '.', '-', '_'
  absl::Duration valid = absl::Hours(24 * 3650);
};
// ALREADY_EXISTS where the directory has an authority.
absl::Status InitAuthority(const std::string& dir, const AuthorityOptions& options);

struct IssueRequest {
  std::string name;                // of the files: NAME.pem, NAME.key
  std::string path;                // of the SPIFFE URI, behind the trust domain; empty: no URI
  std::vector<std::string> hosts;  // DNS names and IP addresses
  bool server = false;             // may it be a server? A client it may always be
  absl::Duration valid = absl::Hours(24 * 90);
};
struct Issued {
  std::string cert_file;
  std::string key_file;
  std::string uri;
  absl::Time expires;
};
absl::StatusOr<Issued> IssueCertificate(const std::string& dir, const IssueRequest& request);

}  // namespace registry::cli
