// A secured cluster of three real processes: the three commands of docs/security.md, peers that are
// not who they say, and certificates and authority that are replaced under load.

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "registry/v1/cluster.grpc.pb.h"
#include "registry/v1/discovery.grpc.pb.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/peer_transport.h"
#include "tests/support/cluster.h"
#include "tests/support/flood.h"
#include "tests/support/secured_daemon.h"

namespace registryd::testing {
namespace {

using grpc::StatusCode;
using namespace registry::v1;  // NOLINT: the messages under test

// Three members n0, n1, n2 whose certificates lie in a directory of their own, as they are used.
class SecuredClusterTest : public ::testing::Test {
 protected:
  SecuredClusterTest()
      : cluster_(3,
                 {"--tls-ca", Live("ca.pem"), "--auth-policy", dir_.path() + "/policy.toml",
                  "--auth-jwks", dir_.path() + "/jwks.json", "--auth-issuer", "https://issuer",
                  "--auth-audience", "registry"},
                 nullptr, [this](const std::string& name) {
                   return std::vector<std::string>{"--tls-cert", Live(name + ".pem"), "--tls-key",
                                                   Live(name + ".pem")};
                 }) {
    ReplaceFile(dir_.path() + "/policy.toml", kSecuredPolicy);
    ReplaceFile(dir_.path() + "/jwks.json", Jwks({&key_}));
    std::filesystem::create_directory(dir_.path() + "/live");
  }

  std::string Live(const std::string& file) const { return dir_.path() + "/live/" + file; }
  std::string Authority(const std::string& name) const { return dir_.path() + "/" + name; }

  void Cli(std::vector<std::string> words) {
    words.insert(words.begin(), BinDir() + "/registry-cli");
    const Finished finished = RunProgram(words);
    ASSERT_EQ(finished.exit, 0) << finished.err;
  }
  void MakeAuthority(const std::string& name) {
    Cli({"tls", "init", "--dir", Authority(name), "--trust-domain", "test"});
  }
  // New certificates for everybody, signed by this authority, moved to where they are used.
  void IssueAll(const std::string& authority) {
    std::vector<std::string> nodes = {"tls", "issue", "node", "n0", "n1", "n2"};
    for (size_t i = 0; i < 3; ++i) {
      nodes.insert(nodes.end(), {"--host", cluster_.api(i).substr(0, cluster_.api(i).find(':'))});
    }
    nodes.insert(nodes.end(), {"--dir", Authority(authority)});
    Cli(nodes);
    Cli({"tls", "issue", "client", "ops/admin", "shop/web", "--dir", Authority(authority)});
    // Both in one file, so that nobody ever reads a key and a certificate that do not belong
    // together.
    for (const char* name : {"n0", "n1", "n2", "ops.admin", "shop.web"}) {
      const std::string issued = Authority(authority) + "/" + name;
      ReplaceFile(Live(name + std::string(".pem")),
                  ReadFile(issued + ".pem") + ReadFile(issued + ".key"));
    }
  }
  void Trust(const std::vector<std::string>& authorities) {
    std::string all;
    for (const std::string& name : authorities) all += ReadFile(Authority(name) + "/ca.pem");
    ReplaceFile(Live("ca.pem"), all);
  }
  void Start() {
    for (size_t i = 0; i < 3; ++i) cluster_[i].Launch();
    for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(cluster_[i].WaitUntilReady()) << cluster_.Log();
  }

  ClientFiles Client(const std::string& name) const {
    return {Live("ca.pem"), Live(name + ".pem"), Live(name + ".pem")};
  }
  std::shared_ptr<grpc::Channel> Channel(size_t member, const std::string& name) const {
    return SecureChannel(cluster_.api(member), Client(name));
  }
  StatusResponse StatusOf(size_t member) {
    StatusResponse response;
    CallContext call;
    const grpc::Status status = registry::v1::Cluster::NewStub(Channel(member, "ops.admin"))
                                    ->Status(&call.context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // All members have applied the same index and have the same digest there.
  bool WaitUntilEqual() {
    return WaitFor([&] {
      const StatusResponse status = StatusOf(0);
      if (status.members_size() != 3) return false;
      for (const Member& member : status.members()) {
        if (!member.reachable() || member.applied_index() != status.members(0).applied_index() ||
            member.digest() != status.members(0).digest()) {
          return false;
        }
      }
      return true;
    });
  }

  TempDir dir_;
  SigningKey key_{"ES256", "k1"};
  Cluster cluster_;
};

TEST_F(SecuredClusterTest, ThreeCommandsSecureThreeMembers) {
  MakeAuthority("tls");
  Trust({"tls"});
  IssueAll("tls");
  Start();
  // Through whichever member: forwarding between members has identities too.
  for (size_t i = 0; i < 3; ++i) {
    const auto web = Channel(i, "shop.web");
    const std::string id = "i-" + std::to_string(i);
    EXPECT_CODE(OK, CallRegister(web, "shop", "web", "", 0, id));
    EXPECT_CODE(PERMISSION_DENIED, CallRegister(web, "shop", "db", "", 0, id));
    EXPECT_CODE(OK, CallLookup(web, "shop", "web"));
    const auto bare = SecureChannel(cluster_.api(i), {Live("ca.pem"), "", ""});
    EXPECT_CODE(UNAUTHENTICATED, CallLookup(bare, "shop", "web"));
    const std::string token = key_.Token(TokenBody("reader", 3'600));
    EXPECT_CODE(OK, CallLookup(bare, "shop", "web", token));
    EXPECT_CODE(PERMISSION_DENIED, CallRegister(bare, "shop", "web", token));
  }
  EXPECT_TRUE(WaitUntilEqual()) << cluster_.Log();
}

// What a stranger shows to the peer port of n0, and what it says of itself.
struct PeerAttack {
  const char* what;
  std::string ca;
  std::string cert;  // without .pem; empty: plain text
  consensus::PeerIdentity says;
  StatusCode answer;
};

TEST_F(SecuredClusterTest, APeerThatIsNotWhoItSaysIsRefused) {
  MakeAuthority("tls");
  MakeAuthority("foreign");
  Trust({"tls"});
  IssueAll("tls");
  Cli({"tls", "issue", "node", "n1", "--dir", Authority("foreign")});
  Cli({"tls", "issue", "node", "late", "--valid", "1s", "--dir", Authority("tls")});
  Start();
  const StatusResponse status = StatusOf(0);
  consensus::PeerIdentity n1;
  n1.cluster = ClusterId(status.info().cluster_id());
  n1.name = "n1";
  for (const Member& member : status.members()) {
    if (member.name() == "n1") n1.node = NodeId(member.node_id());
  }
  ASSERT_TRUE(n1.cluster && n1.node) << status.ShortDebugString();
  consensus::PeerIdentity elsewhere = n1;
  elsewhere.cluster = ClusterId(4711);
  const std::string ours = Authority("tls") + "/";
  const std::vector<PeerAttack> attacks = {
      // The one that may: otherwise the refusals below say nothing.
      {"n1 itself", ours + "ca.pem", ours + "n1", n1, StatusCode::OK},
      {"plain text", "", "", n1, StatusCode::UNAVAILABLE},
      {"another authority", ours + "ca.pem", Authority("foreign") + "/n1", n1,
       StatusCode::UNAVAILABLE},
      {"another node's certificate", ours + "ca.pem", ours + "n2", n1,
       StatusCode::PERMISSION_DENIED},
      {"a client's certificate", ours + "ca.pem", ours + "shop.web", n1,
       StatusCode::PERMISSION_DENIED},
      {"another cluster", ours + "ca.pem", ours + "n1", elsewhere, StatusCode::FAILED_PRECONDITION},
      {"expired", ours + "ca.pem", ours + "late", n1, StatusCode::UNAVAILABLE},
  };
  for (const PeerAttack& attack : attacks) {
    SCOPED_TRACE(attack.what);
    consensus::PeerSecurity security;
    if (!attack.cert.empty()) {
      security.client = PeerCredentials({attack.ca, attack.cert + ".pem", attack.cert + ".key"});
    }
    StatusCode code = StatusCode::UNKNOWN;
    std::string message;
    // An expired one may be good for its last moments, and a connection be refused half way.
    EXPECT_TRUE(WaitFor([&] {
      auto peers = consensus::PeerTransport::Listen("127.0.0.1", 0, security);
      EXPECT_TRUE(peers.ok()) << peers.status();
      auto answered = std::make_shared<std::promise<absl::Status>>();
      (*peers)->CallAddress(
          cluster_.peer(0), attack.says, "status", {}, 5'000,
          [answered](absl::StatusOr<std::string> answer) { answered->set_value(answer.status()); });
      const absl::Status answer = answered->get_future().get();
      (*peers)->Stop();
      code = static_cast<StatusCode>(answer.code());
      message = std::string(answer.message());
      // A connection that comes to nothing is tried again until the call's time is over.
      if (code == StatusCode::DEADLINE_EXCEEDED) code = StatusCode::UNAVAILABLE;
      return code == attack.answer;
    })) << code
        << " " << message;
  }
  EXPECT_CODE(OK, CallRegister(Channel(0, "shop.web"), "shop", "web"));
  EXPECT_TRUE(WaitUntilEqual()) << cluster_.Log();
}

// Whoever takes all that one address may have keeps nobody else out: neither who is there already
// nor who comes back.
TEST_F(SecuredClusterTest, AFloodOfConnectionsToThePeerPortKeepsNoMemberOut) {
  MakeAuthority("tls");
  Trust({"tls"});
  IssueAll("tls");
  Start();
  const Flood flood(cluster_.peer(0), "127.0.0.2", 300);
  EXPECT_TRUE(WaitFor([&] {
    return cluster_[0].Metric("registryd_connections_refused_total{of=\"peers\"}").value_or(0) >
           500;
  }));
  cluster_[1].Kill9();
  ASSERT_TRUE(cluster_[1].Start()) << cluster_.Log();
  EXPECT_CODE(OK, CallRegister(Channel(1, "shop.web"), "shop", "web"));
  EXPECT_TRUE(WaitUntilEqual()) << cluster_.Log();
}

// Certificates of all members and clients, and the authority itself, while calls go on: over
// connections that last, and over new ones.
TEST_F(SecuredClusterTest, NoCallFailsWhileEveryCertificateIsReplaced) {
  MakeAuthority("first");
  MakeAuthority("second");
  Trust({"first"});
  IssueAll("first");
  Start();
  std::atomic<bool> stop{false};
  std::atomic<int> good{0};
  Mutex mutex;
  std::vector<std::string> failures;
  const auto count = [&](const char* what, const grpc::Status& status) {
    if (status.ok()) {
      ++good;
      return;
    }
    MutexLock lock(mutex);
    failures.push_back(std::string(what) + ": " + status.error_message());
  };
  std::vector<std::thread> load;
  for (size_t member = 0; member < 3; ++member) {
    const auto lasting = Channel(member, "shop.web");
    load.emplace_back([&, member, lasting] {
      const std::string id = "i-" + std::to_string(member);
      while (!stop) {
        count("register", CallRegister(lasting, "shop", "web", "", 0, id));
        count("lookup", CallLookup(lasting, "shop", "web"));
      }
    });
    // As the client library: files that are read again, and a connection for each few calls.
    load.emplace_back([&, member] {
      const auto credentials = WatchingCredentials(Client("shop.web"));
      while (!stop) {
        const auto fresh = FreshChannel(cluster_.api(member), credentials);
        count("new connection", CallLookup(fresh, "shop", "web"));
      }
    });
  }
  const auto load_goes_on = [&] {
    const int before = good;
    EXPECT_TRUE(WaitFor([&] { return good > before + 60; }, std::chrono::seconds(120)));
  };
  // A member has read its files again when it shows what is in them: whom it trusts we see by whom
  // it lets in.
  const auto wait_until_taken = [&](const ClientFiles& files, bool let_in) {
    for (size_t member = 0; member < 3; ++member) {
      EXPECT_TRUE(WaitFor([&] {
        return CallLookup(SecureChannel(cluster_.api(member), files), "shop", "web", "", 5).ok() ==
               let_in;
      })) << member;
    }
  };
  load_goes_on();
  IssueAll("first");  // the same authority
  load_goes_on();
  const std::string old = Authority("first") + "/";
  const std::string young = Authority("second") + "/";
  Cli({"tls", "issue", "client", "ops/admin", "--dir", Authority("second")});
  Trust({"first", "second"});
  wait_until_taken({Live("ca.pem"), young + "ops.admin.pem", young + "ops.admin.key"}, true);
  // Clients look at their files every second too.
  load_goes_on();
  IssueAll("second");
  // Members show the new certificate when somebody who trusts the new authority only gets in.
  wait_until_taken({young + "ca.pem", young + "ops.admin.pem", young + "ops.admin.key"}, true);
  load_goes_on();
  stop = true;
  for (std::thread& thread : load) thread.join();
  EXPECT_TRUE(failures.empty()) << failures.size() << " failed, of " << good << ": "
                                << failures.front();
  // The old authority goes: whoever has a certificate of it is out, and a member that comes back
  // finds the others with what is there now.
  Trust({"second"});
  wait_until_taken({young + "ca.pem", old + "ops.admin.pem", old + "ops.admin.key"}, false);
  cluster_[2].Kill9();
  ASSERT_TRUE(cluster_[2].Start()) << cluster_.Log();
  EXPECT_CODE(OK, CallRegister(Channel(2, "shop.web"), "shop", "web", "", 0, "i-after"));
  EXPECT_TRUE(WaitUntilEqual()) << cluster_.Log();
}

}  // namespace
}  // namespace registryd::testing
