// Nobody gets in where they do not belong: attacks on the real daemon over TLS.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "registry/v1/access.grpc.pb.h"
#include "registry/v1/cluster.grpc.pb.h"
#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/history.grpc.pb.h"
#include "registry/v1/lease.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"
#include "tests/support/secured_daemon.h"
#include "tests/support/stubs.h"

namespace registryd::testing {
namespace {

using grpc::StatusCode;
using namespace registry::v1;  // NOLINT: the messages under test
using ChannelPtr = std::shared_ptr<grpc::Channel>;

grpc::Status Revoke(const ChannelPtr& channel, uint64_t lease) {
  CallContext call;
  RevokeLeaseRequest request;
  request.set_lease_id(lease);
  RevokeLeaseResponse response;
  return registry::v1::Lease::NewStub(channel)->Revoke(&call.context, request, &response);
}

std::vector<std::string> Services(const ChannelPtr& channel, const std::string& token = "") {
  CallContext call(token);
  ListServicesResponse response;
  const grpc::Status status =
      Discovery::NewStub(channel)->ListServices(&call.context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::vector<std::string> names;
  for (const auto& service : response.services()) {
    names.push_back(service.namespace_() + "/" + service.service());
  }
  return names;
}

class SecurityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(secured_.Start()) << secured_.daemon().Log();
    admin_ = secured_.Channel("ops/admin");
    web_ = secured_.Channel("shop/web");
    bare_ = secured_.Channel("");
    for (const auto& [ns, service] :
         {std::pair{"shop", "web"}, {"shop", "db"}, {"bank", "vault"}}) {
      const grpc::Status status = CallRegister(admin_, ns, service);
      ASSERT_TRUE(status.ok()) << status.error_message() << secured_.daemon().Log();
    }
  }

  std::optional<double> Metric(const std::string& name) { return secured_.daemon().Metric(name); }

  SecuredDaemon secured_;
  ChannelPtr admin_;
  ChannelPtr web_;
  ChannelPtr bare_;
};

TEST_F(SecurityTest, AConnectionThatIsNotOursIsRefused) {
  // No TLS at all.
  EXPECT_CODE(UNAVAILABLE, CallLookup(grpc::CreateChannel(secured_.address(),
                                                          grpc::InsecureChannelCredentials()),
                                      "shop", "web", "", 3));
  // Another authority's certificate, expired ones, and no certificate.
  SecuredDaemon other;
  ClientFiles foreign = other.Files("ops/admin");
  foreign.ca = secured_.tls_dir() + "/ca.pem";
  EXPECT_CODE(UNAVAILABLE,
              CallLookup(SecureChannel(secured_.address(), foreign), "shop", "web", "", 3));
  const Finished issued = RunProgram({BinDir() + "/registry-cli", "tls", "issue", "client",
                                      "ops/late", "--dir", secured_.tls_dir(), "--valid", "1s"});
  ASSERT_EQ(issued.exit, 0) << issued.err;
  ASSERT_TRUE(WaitFor([&] {
    return CallLookup(secured_.Channel("ops/late"), "ops", "late", "", 3).error_code() ==
           StatusCode::UNAVAILABLE;
  }));
  EXPECT_CODE(UNAUTHENTICATED, CallLookup(bare_, "shop", "web"));
  EXPECT_CODE(UNAUTHENTICATED, CallRegister(bare_, "shop", "web"));
  // We do not speak with a server that another authority vouches for either.
  ClientFiles trusting_another = secured_.Files("ops/admin");
  trusting_another.ca = other.tls_dir() + "/ca.pem";
  EXPECT_CODE(UNAVAILABLE, CallLookup(SecureChannel(secured_.address(), trusting_another), "shop",
                                      "web", "", 3));
  EXPECT_CODE(OK, CallLookup(admin_, "shop", "web"));
  EXPECT_EQ(Metric("registryd_refused_total{why=\"unauthenticated\"}"), 2);
}

TEST_F(SecurityTest, AWorkloadDoesOnlyWhatItsCertificateSays) {
  EXPECT_CODE(OK, CallRegister(web_, "shop", "web"));
  EXPECT_CODE(PERMISSION_DENIED, CallRegister(web_, "shop", "db"));
  EXPECT_CODE(PERMISSION_DENIED, CallRegister(web_, "bank", "web"));
  EXPECT_CODE(OK, CallLookup(web_, "shop", "db"));
  EXPECT_CODE(PERMISSION_DENIED, CallLookup(web_, "bank", "vault"));
  EXPECT_EQ(Services(web_), (std::vector<std::string>{"shop/db", "shop/web"}));
  EXPECT_EQ(Services(admin_), (std::vector<std::string>{"bank/vault", "shop/db", "shop/web"}));
  // Names that might be taken for others.
  for (const std::string& name :
       {std::string("../shop/web"), std::string("web\0x", 5), std::string("Web"),
        std::string("WEB"), std::string("w\u0435b"), std::string("web/"), std::string("web%2f"),
        std::string("*"), std::string("web "), std::string("{service}")}) {
    const StatusCode code = CallRegister(web_, "shop", name).error_code();
    EXPECT_TRUE(code == StatusCode::INVALID_ARGUMENT || code == StatusCode::PERMISSION_DENIED ||
                code == StatusCode::INTERNAL)  // not UTF-8: gRPC itself refuses it
        << name << " " << code;
  }
  EXPECT_EQ(Services(admin_).size(), 3u);
}

// A reader may look up, which tells it why; who changed what is for those who may see the history.
TEST_F(SecurityTest, WhoMadeTheLastChangeIsHistory) {
  const auto explain = [](const ChannelPtr& channel, const std::string& token) {
    CallContext call(token);
    ExplainRequest request;
    request.mutable_lookup()->set_namespace_("shop");
    request.mutable_lookup()->set_service("web");
    ExplainResponse response;
    EXPECT_CODE(OK, History::NewStub(channel)->Explain(&call.context, request, &response));
    EXPECT_EQ(response.verdicts_size(), 1);
    return response;
  };
  EXPECT_EQ(explain(web_, "").verdicts(0).last_change().actor(), "spiffe://test/ops/admin");
  const ExplainResponse told = explain(bare_, secured_.Token("reader"));
  EXPECT_TRUE(told.verdicts(0).returned());
  EXPECT_FALSE(told.verdicts(0).has_last_change());
}

TEST_F(SecurityTest, OneForbiddenPartForbidsABatch) {
  CallContext call;
  RegisterRequest request;
  for (const char* service : {"web", "web", "db"}) {
    *request.add_instances() = Spec(service, "b-" + std::to_string(request.instances_size()));
    request.mutable_instances()->rbegin()->set_namespace_("shop");
  }
  RegisterResponse response;
  EXPECT_CODE(PERMISSION_DENIED,
              Registration::NewStub(web_)->Register(&call.context, request, &response));
  CallContext lookups;
  BatchLookupRequest batch;
  for (const char* ns : {"shop", "bank"}) {
    batch.add_lookups()->set_namespace_(ns);
    batch.mutable_lookups()->rbegin()->set_service("vault");
  }
  BatchLookupResponse found;
  EXPECT_CODE(PERMISSION_DENIED,
              Discovery::NewStub(web_)->BatchLookup(&lookups.context, batch, &found));
}

TEST_F(SecurityTest, ALeaseIsNoWayAroundThePolicy) {
  ASSERT_TRUE(CallRegister(admin_, "bank", "ledger", "", 77, "i-lease").ok());
  EXPECT_CODE(PERMISSION_DENIED, Revoke(web_, 77));
  EXPECT_CODE(FAILED_PRECONDITION, CallRegister(web_, "shop", "web", "", 77, "i-on-it"));
  EXPECT_EQ(Services(admin_).size(), 4u);
  ASSERT_TRUE(CallRegister(web_, "shop", "web", "", 78, "i-mine").ok());
  EXPECT_CODE(PERMISSION_DENIED, Revoke(secured_.Channel("shop/db"), 78));
  EXPECT_CODE(FAILED_PRECONDITION,
              CallRegister(secured_.Channel("shop/db"), "shop", "db", "", 78, "i-on-it"));
  EXPECT_CODE(OK, Revoke(web_, 78));
  EXPECT_CODE(OK, Revoke(admin_, 77));
}

TEST_F(SecurityTest, TokensThatAreWrongAreRefused) {
  const SigningKey& key = secured_.key();
  EXPECT_CODE(OK, CallLookup(bare_, "shop", "web", secured_.Token("reader")));
  EXPECT_CODE(PERMISSION_DENIED, CallLookup(bare_, "bank", "vault", secured_.Token("reader")));
  const std::string body = TokenBody("admin", 3'600);
  const SigningKey stranger("ES256", "k1");
  const SigningKey unknown("ES256", "k9");
  std::string tampered = key.Token(body);
  char& changed = tampered[tampered.find('.') + 20];
  changed = changed == 'A' ? 'B' : 'A';
  const std::vector<std::pair<const char*, std::string>> attacks = {
      {"none", JoinToken(R"({"alg":"none"})", body, "")},
      {"hs256 with the public key",
       HmacToken(R"({"alg":"HS256","kid":"k1"})", body, key.PublicPem())},
      {"hs256 with the jwk", HmacToken(R"({"alg":"HS256","kid":"k1"})", body, key.Jwk())},
      {"wrong audience", key.Token(TokenBody("admin", 3'600, "bank"))},
      {"expired", key.Token(TokenBody("admin", -3'600))},
      {"tampered", tampered},
      {"another's key", stranger.Token(body)},
      {"unknown kid", unknown.Token(body)},
      {"no token", "x"},
      {"large", std::string(12'000, 'A')},
  };
  for (const auto& [what, token] : attacks) {
    SCOPED_TRACE(what);
    EXPECT_CODE(UNAUTHENTICATED, CallLookup(bare_, "shop", "web", token));
    // Not even where the certificate alone would do.
    EXPECT_CODE(UNAUTHENTICATED, CallLookup(admin_, "shop", "web", token));
  }
  // Larger than any header may be: HTTP/2 refuses it.
  EXPECT_FALSE(CallLookup(bare_, "shop", "web", std::string(100'000, 'A')).ok());
  EXPECT_CODE(OK, CallLookup(admin_, "shop", "web"));
  // No part of a token reaches a log.
  const std::string logs = secured_.daemon().Log() + ReadFile(secured_.audit_file());
  for (const auto& [what, token] : attacks) {
    if (token.size() > 100 && token[0] != 'A') {
      EXPECT_EQ(logs.find(token.substr(0, 60)), std::string::npos) << what;
    }
  }
}

// A watch of a prefix shows what may be seen of it, and ends when that changes.
TEST_F(SecurityTest, AWatchShowsOnlyWhatMayBeSeenAndAPolicyChangeCutsIt) {
  CallContext call(secured_.Token("reader"), 120);
  auto stream = Discovery::NewStub(bare_)->Watch(&call.context);
  WatchRequest subscribe;
  subscribe.mutable_subscribe()->set_subscription(1);
  subscribe.mutable_subscribe()->set_namespace_("shop");
  ASSERT_TRUE(stream->Write(subscribe));
  subscribe.mutable_subscribe()->set_subscription(2);
  subscribe.mutable_subscribe()->set_namespace_("bank");
  ASSERT_TRUE(stream->Write(subscribe));
  subscribe.mutable_subscribe()->set_subscription(3);
  subscribe.mutable_subscribe()->set_prefix("va");
  ASSERT_TRUE(stream->Write(subscribe));
  bool snapshot = false;
  int ended = 0;
  WatchResponse response;
  while ((!snapshot || ended < 2) && stream->Read(&response)) {
    if (response.has_ended()) {
      EXPECT_NE(response.subscription(), 1u);
      EXPECT_EQ(response.ended().code(), static_cast<uint32_t>(StatusCode::PERMISSION_DENIED));
      ++ended;
    }
    snapshot |= response.has_snapshot() && response.snapshot().last();
    for (const auto& instance : response.snapshot().instances()) {
      EXPECT_EQ(instance.spec().namespace_(), "shop");
    }
  }
  ASSERT_TRUE(snapshot && ended == 2);

  std::string policy = kSecuredPolicy;
  const std::string old_rule = "lookup,watch shop/*\"";
  policy.replace(policy.rfind(old_rule), old_rule.size(), "lookup,watch shop/db\"");
  ReplaceFile(secured_.policy_file(), policy);
  while (stream->Read(&response)) {
  }
  const grpc::Status cut = stream->Finish();
  EXPECT_EQ(cut.error_code(), StatusCode::UNAVAILABLE) << cut.error_message();
  EXPECT_CODE(PERMISSION_DENIED, CallLookup(bare_, "shop", "web", secured_.Token("reader")));

  // Again: now the same prefix shows less.
  CallContext again(secured_.Token("reader"), 120);
  auto narrower = Discovery::NewStub(bare_)->Watch(&again.context);
  subscribe.mutable_subscribe()->set_namespace_("shop");
  subscribe.mutable_subscribe()->set_prefix("");
  subscribe.mutable_subscribe()->clear_scope();
  ASSERT_TRUE(narrower->Write(subscribe));
  std::vector<std::string> seen;
  while (narrower->Read(&response)) {
    for (const auto& instance : response.snapshot().instances()) {
      seen.push_back(instance.spec().service());
    }
    if (response.has_snapshot() && response.snapshot().last()) break;
  }
  EXPECT_EQ(seen, std::vector<std::string>{"db"});
  again.context.TryCancel();

  // A policy that is wrong changes nothing, and is said.
  ReplaceFile(secured_.policy_file(), "[roles\n");
  ASSERT_TRUE(WaitFor([&] {
    return Metric("registryd_security_file_bad{file=\"" + secured_.policy_file() + "\"}") == 1;
  }));
  EXPECT_CODE(OK, CallLookup(bare_, "shop", "db", secured_.Token("reader")));
}

TEST_F(SecurityTest, WhatWasChangedAndWhatWasDeniedIsInTheAuditLog) {
  ASSERT_TRUE(CallRegister(web_, "shop", "web").ok());
  EXPECT_CODE(PERMISSION_DENIED, CallRegister(web_, "bank", "vault"));
  EXPECT_TRUE(WaitFor([&] {
    const std::string log = ReadFile(secured_.audit_file());
    return log.find(R"("identity":"spiffe://test/shop/web")") != std::string::npos &&
           log.find(R"("verb":"register","object":"bank/vault","result":"PERMISSION_DENIED")") !=
               std::string::npos;
  }));
  // Whatever the daemon has made is for its user alone.
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(secured_.daemon().data_dir())) {
    struct stat info {};
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077, 0u) << entry.path();
  }
}

TEST_F(SecurityTest, TheCliProvesWhoItIsAndExplainsThePolicy) {
  const auto cli = [&](const std::string& path, std::vector<std::string> words) {
    const ClientFiles files = secured_.Files(path);
    if (!files.cert.empty()) {
      words.insert(words.begin(), {"--tls-cert", files.cert, "--tls-key", files.key});
    }
    words.insert(words.begin(), {"--tls-ca", files.ca});
    return secured_.daemon().Cli(words);
  };
  Finished run = cli("shop/web", {"lookup", "shop/web"});
  EXPECT_EQ(run.exit, 0) << run.err;
  run =
      cli("ops/admin", {"auth", "check", "--as", "spiffe://test/shop/web", "register", "shop/web"});
  EXPECT_EQ(run.exit, 0) << run.err;
  EXPECT_NE(run.out.find("role workload"), std::string::npos) << run.out;
  run =
      cli("ops/admin", {"auth", "check", "--as", "spiffe://test/shop/web", "register", "payments"});
  EXPECT_EQ(run.exit, 1) << run.out << run.err;
  EXPECT_NE(run.out.find("denied: "), std::string::npos) << run.out;
  run = cli("shop/web", {"auth", "check", "--as", "jwt:admin", "operate"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_NE(run.err.find("may not operate"), std::string::npos) << run.err;
  const std::string token_file = secured_.tls_dir() + "/token";
  ReplaceFile(token_file, secured_.Token("reader") + "\n");
  run = cli("", {"--token-file", token_file, "lookup", "shop/web"});
  EXPECT_EQ(run.exit, 0) << run.err;
  run = cli("", {"--token-file", token_file, "lookup", "bank/vault"});
  EXPECT_EQ(run.exit, 1);
}

// A connection that says nothing, or a byte now and then, is not held for ever; others do not mind.
TEST_F(SecurityTest, ASlowLorisIsCut) {
  const std::string address = secured_.address();
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  std::vector<int> sockets;
  for (int i = 0; i < 50; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    if (i % 2 == 0) {
      ASSERT_EQ(write(fd, "\x16\x03", 2), 2);  // the beginning of a handshake
    }
    sockets.push_back(fd);
  }
  EXPECT_CODE(OK, CallLookup(admin_, "shop", "web"));
  for (int fd : sockets) {
    EXPECT_TRUE(WaitFor(
        [fd] {
          char byte;
          const ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
          return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
        },
        std::chrono::seconds(90)));
    close(fd);
  }
  EXPECT_CODE(OK, CallLookup(admin_, "shop", "web"));
}

class LimitedTest : public ::testing::Test {
 protected:
  SecuredDaemon secured_{{"--limit-calls", "20", "--limit-renewals", "1000", "--limit-streams", "5",
                          "--limit-namespace-instances", "3"}};
};

TEST_F(LimitedTest, WhoFloodsIsToldToWaitAndKeepsItsLeases) {
  ASSERT_TRUE(secured_.Start()) << secured_.daemon().Log();
  const ChannelPtr web = secured_.Channel("shop/web");
  const ChannelPtr db = secured_.Channel("shop/db");
  ASSERT_TRUE(CallRegister(web, "shop", "web", "", 5).ok());
  grpc::Status refused;
  std::string pushback;
  ASSERT_TRUE(WaitFor([&] {
    CallContext call;
    LookupRequest request;
    request.set_namespace_("shop");
    request.set_service("web");
    LookupResponse response;
    refused = Discovery::NewStub(web)->Lookup(&call.context, request, &response);
    const auto& trailers = call.context.GetServerTrailingMetadata();
    if (const auto found = trailers.find("grpc-retry-pushback-ms"); found != trailers.end()) {
      pushback.assign(found->second.data(), found->second.size());
    }
    return refused.error_code() == StatusCode::RESOURCE_EXHAUSTED;
  }));
  EXPECT_GT(std::atoi(pushback.c_str()), 0) << refused.error_message();
  // Others have their own share, and the one that floods renews on its own lane.
  EXPECT_CODE(OK, CallLookup(db, "shop", "web"));
  CallContext call;
  auto renewals = registry::v1::Lease::NewStub(web)->KeepAlive(&call.context);
  KeepAliveRequest frame;
  frame.set_frame(1);
  frame.add_lease_ids(5);
  frame.add_epochs(1);
  KeepAliveResponse answer;
  ASSERT_TRUE(renewals->Write(frame));
  EXPECT_TRUE(renewals->Read(&answer));
  EXPECT_TRUE(answer.accepted());
  renewals->WritesDone();
  EXPECT_TRUE(renewals->Finish().ok());
}

TEST_F(LimitedTest, ANamespaceThatIsFullIsFull) {
  ASSERT_TRUE(secured_.Start()) << secured_.daemon().Log();
  const ChannelPtr web = secured_.Channel("shop/web");
  for (int i = 0; i < 3; ++i) {
    EXPECT_CODE(OK, CallRegister(web, "shop", "web", "", 0, "i-" + std::to_string(i)));
  }
  EXPECT_CODE(RESOURCE_EXHAUSTED, CallRegister(web, "shop", "web", "", 0, "i-4"));
  EXPECT_CODE(OK, CallRegister(secured_.Channel("ops/admin"), "bank", "vault"));
}

// Calls beyond those that one connection may have wait in the client, and others do not notice.
TEST_F(LimitedTest, CallsBeyondTheLimitOfAConnectionWait) {
  ASSERT_TRUE(secured_.Start()) << secured_.daemon().Log();
  const ChannelPtr web = secured_.Channel("shop/web");
  auto stub = Discovery::NewStub(web);
  std::vector<std::unique_ptr<CallContext>> calls;
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<WatchRequest, WatchResponse>>> streams;
  for (int i = 0; i < 5; ++i) {
    calls.push_back(std::make_unique<CallContext>("", 120));
    streams.push_back(stub->Watch(&calls.back()->context));
    WatchRequest request;
    request.mutable_subscribe()->set_subscription(1);
    request.mutable_subscribe()->set_namespace_("shop");
    ASSERT_TRUE(streams.back()->Write(request));
    WatchResponse response;
    ASSERT_TRUE(streams.back()->Read(&response));
  }
  EXPECT_CODE(DEADLINE_EXCEEDED, CallLookup(web, "shop", "web", "", 2));
  EXPECT_CODE(OK, CallLookup(secured_.Channel("shop/db"), "shop", "web"));
  for (auto& call : calls) call->context.TryCancel();
  for (auto& stream : streams) stream->Finish().error_code();
  EXPECT_TRUE(WaitFor([&] { return CallLookup(web, "shop", "web").ok(); }));
}

// Every certificate of a node and its clients is replaced under load.
TEST(RotationTest, NoCallFailsWhileEveryCertificateIsReplaced) {
  SecuredDaemon secured;
  ASSERT_TRUE(secured.Start()) << secured.daemon().Log();
  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  std::string first_failure;
  const ClientFiles files = secured.Files("shop/web");
  const auto lookup = [&] {
    return secured.daemon().Cli({"--tls-ca", files.ca, "--tls-cert", files.cert, "--tls-key",
                                 files.key, "services", "-n", "shop"});
  };
  const ChannelPtr lasting = secured.Channel("shop/db");
  std::jthread load([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const grpc::Status status = CallLookup(lasting, "shop", "web");
      if (!status.ok() && bad++ == 0) first_failure = status.error_message();
      if (status.ok()) ++good;
    }
  });
  for (int round = 0; round < 3; ++round) {
    for (const std::vector<std::string>& what :
         {std::vector<std::string>{"node", "node-a"}, {"client", "shop/web"}}) {
      std::vector<std::string> argv = {BinDir() + "/registry-cli", "tls", "issue"};
      argv.insert(argv.end(), what.begin(), what.end());
      argv.insert(argv.end(), {"--dir", secured.tls_dir()});
      ASSERT_EQ(RunProgram(argv).exit, 0);
    }
    const int before = good;
    // New connections with the new certificates, while the old connection goes on.
    for (int i = 0; i < 5; ++i) {
      const Finished run = lookup();
      EXPECT_EQ(run.exit, 0) << run.err;
    }
    EXPECT_TRUE(WaitFor([&] { return good > before + 50; }));
  }
  load.request_stop();
  load.join();
  EXPECT_EQ(bad, 0) << first_failure;
  EXPECT_GT(good, 150);
}

// SIGHUP has the files looked at; it does not end the daemon.
TEST_F(SecurityTest, AHangUpReadsThePolicyAgain) {
  EXPECT_CODE(OK, CallLookup(web_, "shop", "db"));
  std::string policy = kSecuredPolicy;
  const std::string rule = "lookup,watch,history {namespace}/*";
  policy.replace(policy.find(rule), rule.size(), "lookup {namespace}/{service}");
  ReplaceFile(secured_.policy_file(), policy);
  secured_.daemon().Signal(SIGHUP);
  EXPECT_TRUE(WaitFor([&] {
    return CallLookup(web_, "shop", "db").error_code() == StatusCode::PERMISSION_DENIED;
  }));
  EXPECT_CODE(OK, CallLookup(web_, "shop", "web"));
  EXPECT_TRUE(secured_.daemon().running());
}

TEST_F(SecurityTest, ACertificateThatRunsOutIsSaid) {
  const std::string expires = "registryd_certificate_expires_seconds";
  const double day = 86'400;
  EXPECT_NEAR(Metric(expires).value_or(0), 90 * day, day);
  const Finished issued = RunProgram({BinDir() + "/registry-cli", "tls", "issue", "node", "node-a",
                                      "--dir", secured_.tls_dir(), "--valid", "2s"});
  ASSERT_EQ(issued.exit, 0) << issued.err;
  EXPECT_TRUE(WaitFor([&] {
    return Metric(expires).value_or(0) < 0 &&
           secured_.daemon().Log().find("the certificate has expired") != std::string::npos;
  })) << secured_.daemon().Page("/metrics");
}

TEST(ExposureTest, AnInsecureDaemonSaysSo) {
  TempDir dir;
  Daemon daemon(dir.path() + "/data", {"--insecure"});
  ASSERT_TRUE(daemon.Start()) << daemon.Log();
  EXPECT_NE(daemon.Log().find("--insecure: whoever reaches this node"), std::string::npos);
  StatusResponse status;
  ASSERT_TRUE(Stubs(daemon.address()).Status(&status).ok());
  EXPECT_TRUE(status.insecure());
  EXPECT_EQ(daemon.Metric("registryd_insecure"), 1);
  const Finished shown = daemon.Cli({"status"});
  EXPECT_NE(shown.out.find("--insecure"), std::string::npos) << shown.out << shown.err;
}

TEST(ExposureTest, ADaemonThatOthersCanReachRefusesToStartUnsecured) {
  TempDir dir;
  const auto start = [&](std::vector<std::string> flags) {
    std::vector<std::string> argv = {BinDir() + "/registryd", "--check-config", "--data-dir",
                                     dir.path() + "/data"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    return RunProgram(argv);
  };
  for (const char* door : {"--listen", "--peer-listen", "--http-listen"}) {
    Finished run = start({door, "0.0.0.0:7400"});
    EXPECT_EQ(run.exit, 2) << door;
    EXPECT_NE(run.err.find("--insecure"), std::string::npos) << run.err;
    EXPECT_EQ(start({door, "0.0.0.0:7400", "--insecure"}).exit, 0) << door;
  }
  EXPECT_EQ(start({"--http-listen", "0.0.0.0:7402", "--http-open"}).exit, 0);
  EXPECT_EQ(start({"--listen", "0.0.0.0:7400", "--http-open"}).exit, 2);
  EXPECT_EQ(start({"--auth-policy", "p.toml"}).exit, 2);  // nobody could say who it is
}

}  // namespace
}  // namespace registryd::testing
