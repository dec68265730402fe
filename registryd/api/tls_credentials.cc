#include "registryd/api/tls_credentials.h"

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

namespace registryd::api {
namespace {

constexpr unsigned kReadEverySeconds = 1;

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ServerTls(const TlsFiles& files, bool require_client) {
  namespace tls = grpc::experimental;
  std::shared_ptr<tls::CertificateProviderInterface> provider;
  if (files.ca.empty()) {
    provider = std::make_shared<tls::FileWatcherCertificateProvider>(files.key, files.cert,
                                                                     kReadEverySeconds);
  } else {
    provider = std::make_shared<tls::FileWatcherCertificateProvider>(files.key, files.cert,
                                                                     files.ca, kReadEverySeconds);
  }
  tls::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (!files.ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(require_client
                                      ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                      : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  if (!files.crl_dir.empty()) options.set_crl_directory(files.crl_dir);
  return tls::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> PeerClientTls(const TlsFiles& files) {
  namespace tls = grpc::experimental;
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<tls::FileWatcherCertificateProvider>(
      files.key, files.cert, files.ca, kReadEverySeconds));
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  // The chain is verified all the same; this is about the name in the certificate only.
  options.set_certificate_verifier(std::make_shared<tls::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  if (!files.crl_dir.empty()) options.set_crl_directory(files.crl_dir);
  return tls::TlsCredentials(options);
}

}  // namespace registryd::api
