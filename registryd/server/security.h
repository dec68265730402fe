// What keeps the wrong ones out, wired: policy, keys, audit log, certificates; and the thread that
// looks whether their files have changed.
//
//   ASSIGN_OR_RETURN(auto security, Security::Start(config.security, config.insecure, &clock));
//   security->access()           -> operations
//   security->authenticator()    -> api
//
// A file that has changed is taken within two seconds; one that has become wrong is not: what was
// good before stays, an error is logged, and registryd_security_file_bad is 1 until it is good
// again. registryd_certificate_expires_seconds says how long the certificate is valid; below a week
// (or a fifth of its life, where that is shorter) it is a warning, once an hour. Threads: any.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "registryd/api/tls_credentials.h"
#include "registryd/base/clock.h"
#include "registryd/consensus/peer_identity.h"
#include "registryd/operations/authenticator.h"
#include "registryd/operations/policy_access.h"
#include "registryd/server/security_config.h"

namespace registryd::server {

class Security {
 public:
  // INVALID_ARGUMENT: a file is wrong. UNAVAILABLE: the audit log cannot be opened.
  // `insecure`: it is allowed to listen unprotected, and says so in the log every hour.
  static absl::StatusOr<std::unique_ptr<Security>> Start(const SecurityConfig& config,
                                                         bool insecure, const Clock* clock);
  ~Security();

  operations::PolicyAccess* access();
  operations::Authenticator* authenticator();
  // The client port's certificate and who may call; without a certificate: plaintext.
  api::TlsFiles tls_files() const;
  // Of the peer port: mutual TLS, and a node is the one that its certificate names
  // (server/peer_names.h). Plaintext where no CA is configured.
  consensus::PeerSecurity peer_security() const;
  // Looks at the files now, on the security thread (SIGHUP).
  void Reload();

 private:
  struct Impl;
  explicit Security(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace registryd::server
