// A registryd with TLS, a policy and token keys, and what its clients need: certificates that
// registry-cli has made, and tokens.
//
//   SecuredDaemon secured;
//   ASSERT_TRUE(secured.Start()) << secured.daemon().Log();
//   auto web = secured.Channel("shop/web");    // with a certificate: spiffe://test/shop/web
//   auto bare = secured.Channel("");           // with none
//   EXPECT_CODE(OK, CallLookup(bare, "shop", "web", secured.Token("reader")));
//
// The policy: a workload spiffe://test/NAMESPACE/SERVICE may register only that service and see its
// namespace; ops/admin and jwt:admin may everything; jwt:reader may look up shop/*. Threads: one.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/daemon.h"
#include "tests/support/temp_dir.h"
#include "tests/support/token_maker.h"

namespace registryd::testing {

// The whole policy file.
extern const char kSecuredPolicy[];

struct ClientFiles {
  std::string ca;
  std::string cert;  // empty: none is shown
  std::string key;
};
// What is in the files now. A connection of its own.
std::shared_ptr<grpc::Channel> SecureChannel(const std::string& address, const ClientFiles& files,
                                             const grpc::ChannelArguments& arguments = {});
// The files may be without a certificate.
std::shared_ptr<grpc::ChannelCredentials> TlsCredentials(const ClientFiles& files);
// Files that are read again every second.
std::shared_ptr<grpc::ChannelCredentials> WatchingCredentials(const ClientFiles& files);
// As one member shows itself to another: the name in the other's certificate is not looked at.
std::shared_ptr<grpc::ChannelCredentials> PeerCredentials(const ClientFiles& files);
std::shared_ptr<grpc::Channel> FreshChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials);

class SecuredDaemon {
 public:
  explicit SecuredDaemon(std::vector<std::string> more_flags = {});

  [[nodiscard]] bool Start() { return daemon_.Start(); }
  Daemon& daemon() { return daemon_; }
  std::string address() const { return daemon_.address(); }

  // Where certificates are: DIR/ca.pem, DIR/shop.web.pem and so on.
  std::string tls_dir() const { return dir_.path() + "/tls"; }
  std::string policy_file() const { return dir_.path() + "/policy.toml"; }
  std::string jwks_file() const { return dir_.path() + "/jwks.json"; }
  std::string audit_file() const { return dir_.path() + "/audit.jsonl"; }
  const SigningKey& key() const { return key_; }

  // Issues a certificate where there is none yet; `path` empty: no certificate.
  ClientFiles Files(const std::string& path);
  std::shared_ptr<grpc::Channel> Channel(const std::string& path) {
    return SecureChannel(address(), Files(path));
  }
  // Good for an hour.
  std::string Token(const std::string& subject) const;

 private:
  TempDir dir_;
  SigningKey key_{"ES256", "k1"};
  SigningKey rsa_{"RS256", "k2"};
  Daemon daemon_;
};

// One call of any kind, with a deadline and perhaps a token.
struct CallContext {
  explicit CallContext(const std::string& token = "", int seconds = 30);
  grpc::ClientContext context;
};

// Calls that most tests make. Instance "i-1", without a lease, where nothing else is said.
grpc::Status CallRegister(const std::shared_ptr<grpc::Channel>& channel, const std::string& ns,
                          const std::string& service, const std::string& token = "",
                          uint64_t lease = 0, const std::string& id = "i-1");
grpc::Status CallLookup(const std::shared_ptr<grpc::Channel>& channel, const std::string& ns,
                        const std::string& service, const std::string& token = "",
                        int seconds = 30);
#define EXPECT_CODE(expected, call)                                    \
  do {                                                                 \
    const grpc::Status status_of_call = (call);                        \
    EXPECT_EQ(status_of_call.error_code(), grpc::StatusCode::expected) \
        << status_of_call.error_message();                             \
  } while (false)

// The claims of a token of the issuer "https://issuer".
std::string TokenBody(const std::string& subject, int64_t expires_in_s,
                      const std::string& audience = "registry");

// Replaces a file as a careful operator does.
void ReplaceFile(const std::string& path, const std::string& text);

}  // namespace registryd::testing
