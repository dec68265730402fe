#include "tests/support/secured_daemon.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "tests/support/stubs.h"

namespace registryd::testing {

const char kSecuredPolicy[] = R"([roles]
workload = ["register,deregister,update,drain {namespace}/{service}", "lookup,watch,history {namespace}/*"]
reader = "lookup,watch shop/*"
admin = "* *"
[identities]
"spiffe://test/{namespace}/{service}" = "workload"
"spiffe://test/ops/admin" = "admin"
"jwt:admin" = "admin"
"jwt:reader" = "reader"
)";

namespace {

std::vector<std::string> Flags(const std::string& dir, std::vector<std::string> more) {
  std::vector<std::string> flags = {"--tls-cert",      dir + "/tls/node-a.pem",
                                    "--tls-key",       dir + "/tls/node-a.key",
                                    "--tls-ca",        dir + "/tls/ca.pem",
                                    "--auth-policy",   dir + "/policy.toml",
                                    "--auth-jwks",     dir + "/jwks.json",
                                    "--auth-issuer",   "https://issuer",
                                    "--auth-audience", "registry",
                                    "--audit-log",     dir + "/audit.jsonl"};
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

void MakeCertificate(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {BinDir() + "/registry-cli", "tls"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const Finished finished = RunProgram(argv);
  EXPECT_EQ(finished.exit, 0) << finished.err;
}

namespace tls = grpc::experimental;

std::shared_ptr<tls::CertificateProviderInterface> Provider(const ClientFiles& files) {
  std::vector<tls::IdentityKeyCertPair> pairs;
  if (!files.cert.empty()) pairs.push_back({ReadFile(files.key), ReadFile(files.cert)});
  return std::make_shared<tls::StaticDataCertificateProvider>(ReadFile(files.ca), pairs);
}

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> TlsCredentials(const ClientFiles& files) {
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Provider(files));
  options.watch_root_certs();
  if (!files.cert.empty()) options.watch_identity_key_cert_pairs();
  return tls::TlsCredentials(options);
}

std::shared_ptr<grpc::Channel> SecureChannel(const std::string& address, const ClientFiles& files,
                                             const grpc::ChannelArguments& given) {
  grpc::ChannelArguments arguments = given;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  return grpc::CreateCustomChannel(address, TlsCredentials(files), arguments);
}

std::shared_ptr<grpc::ChannelCredentials> WatchingCredentials(const ClientFiles& files) {
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<tls::FileWatcherCertificateProvider>(files.key, files.cert, files.ca, 1));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  return tls::TlsCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> PeerCredentials(const ClientFiles& files) {
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Provider(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(std::make_shared<tls::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  return tls::TlsCredentials(options);
}

std::shared_ptr<grpc::Channel> FreshChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

grpc::Status CallRegister(const std::shared_ptr<grpc::Channel>& channel, const std::string& ns,
                          const std::string& service, const std::string& token, uint64_t lease,
                          const std::string& id) {
  CallContext call(token);
  registry::v1::RegisterRequest request;
  *request.add_instances() = Spec(service, id);
  request.mutable_instances(0)->set_namespace_(ns);
  if (lease != 0) {
    request.mutable_lease()->set_lease_id(lease);
    request.mutable_lease()->set_ttl_ms(3'600'000);
  }
  registry::v1::RegisterResponse response;
  return registry::v1::Registration::NewStub(channel)->Register(&call.context, request, &response);
}

grpc::Status CallLookup(const std::shared_ptr<grpc::Channel>& channel, const std::string& ns,
                        const std::string& service, const std::string& token, int seconds) {
  CallContext call(token, seconds);
  registry::v1::LookupRequest request;
  request.set_namespace_(ns);
  request.set_service(service);
  registry::v1::LookupResponse response;
  return registry::v1::Discovery::NewStub(channel)->Lookup(&call.context, request, &response);
}

std::string TokenBody(const std::string& subject, int64_t expires_in_s,
                      const std::string& audience) {
  return R"({"iss":"https://issuer","aud":")" + audience + R"(","sub":")" + subject +
         R"(","exp":)" + std::to_string(std::time(nullptr) + expires_in_s) + "}";
}

SecuredDaemon::SecuredDaemon(std::vector<std::string> more_flags)
    : daemon_(dir_.path() + "/data", Flags(dir_.path(), std::move(more_flags))) {
  MakeCertificate({"init", "--dir", tls_dir(), "--trust-domain", "test"});
  MakeCertificate({"issue", "node", "node-a", "--dir", tls_dir()});
  ReplaceFile(policy_file(), kSecuredPolicy);
  ReplaceFile(jwks_file(), Jwks({&key_, &rsa_}));
}

ClientFiles SecuredDaemon::Files(const std::string& path) {
  if (path.empty()) return {tls_dir() + "/ca.pem", "", ""};
  std::string name = path;
  for (char& c : name) c = c == '/' ? '.' : c;
  const std::string base = tls_dir() + "/" + name;
  if (!std::filesystem::exists(base + ".pem")) {
    MakeCertificate({"issue", "client", path, "--dir", tls_dir()});
  }
  return {tls_dir() + "/ca.pem", base + ".pem", base + ".key"};
}

std::string SecuredDaemon::Token(const std::string& subject) const {
  return key_.Token(TokenBody(subject, 3'600));
}

CallContext::CallContext(const std::string& token, int seconds) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
}

void ReplaceFile(const std::string& path, const std::string& text) {
  std::ofstream(path + ".draft") << text;
  EXPECT_EQ(std::rename((path + ".draft").c_str(), path.c_str()), 0);
}

}  // namespace registryd::testing
