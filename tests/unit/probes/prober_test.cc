// Probes against real sockets: servers that answer, and servers that should not be trusted.
#include "client/probes/prober.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/script_server.h"
#include "tests/support/wait_for.h"

namespace registry::probes {
namespace {

using registryd::testing::ClosedPort;
using registryd::testing::ScriptServer;
using registryd::testing::WaitFor;
using ::testing::HasSubstr;

// Long enough for a busy machine; a probe that shall time out says so itself.
constexpr absl::Duration kLong = absl::Seconds(30);
constexpr absl::Duration kShort = absl::Milliseconds(200);

Probe To(uint16_t port, ProbeKind kind, absl::Duration timeout = kLong) {
  return {.kind = kind, .host = "127.0.0.1", .port = port, .timeout = timeout};
}

ScriptServer::Script Says(std::string answer) {
  return [answer = std::move(answer)](ScriptServer::Connection& peer) {
    if (peer.ReadSome()) peer.Send(answer);
  };
}

std::string Answer(const std::string& status, const std::string& body = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

void Silent(ScriptServer::Connection& peer) { peer.Hold(); }

TEST(HttpProbe, TwoHundredsPassAndTheRestFails) {
  Prober prober;
  const struct {
    std::string answer;
    ProbeOutcome outcome;
    const char* detail;
  } kCases[] = {
      {Answer("200 OK", "fine"), ProbeOutcome::kPassed, ": 200 OK"},
      {Answer("204 No Content"), ProbeOutcome::kPassed, ": 204"},
      {"HTTP/1.0 200 OK\r\n\r\nuntil the end", ProbeOutcome::kPassed, ": 200 OK"},
      {Answer("503 Service Unavailable", "the database\nis down\x01"), ProbeOutcome::kFailed,
       ": 503 Service Unavailable: the database is down?"},
      {Answer("404 Not Found"), ProbeOutcome::kFailed, ": 404"},
      // Not followed: the status is what the probe was told.
      {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
       ProbeOutcome::kFailed, ": 302 Found"},
      {"SSH-2.0-OpenSSH_9.2\r\n", ProbeOutcome::kFailed, ""},
      {"", ProbeOutcome::kFailed, ""},
      {"HTTP/1.1 200", ProbeOutcome::kFailed, ""},
  };
  for (const auto& [answer, outcome, detail] : kCases) {
    ScriptServer server(Says(answer));
    const ProbeResult result = prober.Ask(To(server.port(), ProbeKind::kHttp));
    EXPECT_EQ(result.outcome, outcome) << answer << ": " << result.detail;
    EXPECT_THAT(result.detail, HasSubstr(detail)) << answer;
    EXPECT_THAT(result.detail, HasSubstr("http://127.0.0.1:" + std::to_string(server.port())));
  }
}

TEST(HttpProbe, AsksForThePathWithHostAndClosesAfterwards) {
  std::string asked;
  std::atomic<bool> closed{false};
  ScriptServer server([&](ScriptServer::Connection& peer) {
    while (peer.read().find("\r\n\r\n") == std::string::npos && peer.ReadSome()) {
    }
    asked = peer.read();
    peer.Send(Answer("200 OK"));
    closed = peer.Hold();
  });
  Prober prober;
  Probe probe = To(server.port(), ProbeKind::kHttp);
  probe.path = "/live?full=1";
  EXPECT_TRUE(prober.Ask(probe).passed());
  EXPECT_TRUE(WaitFor([&] { return closed.load(); }));
  EXPECT_THAT(asked, HasSubstr("GET /live?full=1 HTTP/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
}

TEST(HttpProbe, TimeIsBoundedWhateverTheServerDoes) {
  const ScriptServer::Script kHostile[] = {
      Silent,
      [](ScriptServer::Connection& peer) {  // a header that never ends, byte by byte
        if (!peer.Send("HTTP/1.1 200 OK\r\nX: ")) return;
        while (peer.Send("x") && peer.ReadSome()) {
        }
        peer.Hold();
      },
      [](ScriptServer::Connection& peer) {  // a body that was promised and does not come
        peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        peer.Hold();
      },
  };
  Prober prober;
  for (const auto& script : kHostile) {
    ScriptServer server(script);
    const ProbeResult result = prober.Ask(To(server.port(), ProbeKind::kHttp, kShort));
    EXPECT_EQ(result.outcome, ProbeOutcome::kFailed);
    EXPECT_THAT(result.detail, HasSubstr("no answer within 200ms (waiting for the answer)"));
    EXPECT_GE(result.took, kShort);
  }
  EXPECT_EQ(prober.in_flight(), 0u);
}

TEST(HttpProbe, SizeIsBoundedWhateverTheServerDoes) {
  Prober prober;
  std::atomic<size_t> sent{0};
  const auto endless = [&sent](std::string begin, std::string more) {
    return [&sent, begin, more](ScriptServer::Connection& peer) {
      if (!peer.ReadSome() || !peer.Send(begin)) return;
      while (peer.Send(more)) sent += more.size();
    };
  };
  {
    ScriptServer server(endless("HTTP/1.1 200 OK\r\n", "X-Y: " + std::string(1000, 'x') + "\r\n"));
    const ProbeResult result = prober.Ask(To(server.port(), ProbeKind::kHttp));
    EXPECT_EQ(result.outcome, ProbeOutcome::kFailed) << result.detail;
  }
  {
    ScriptServer server(
        endless("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", std::string(1000, 'x')));
    const ProbeResult result = prober.Ask(To(server.port(), ProbeKind::kHttp));
    EXPECT_EQ(result.outcome, ProbeOutcome::kPassed) << result.detail;
  }
  {
    ScriptServer server(endless("HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n",
                                "3e8\r\n" + std::string(1000, 'x') + "\r\n"));
    const ProbeResult result = prober.Ask(To(server.port(), ProbeKind::kHttp));
    EXPECT_EQ(result.outcome, ProbeOutcome::kFailed);
    EXPECT_LE(result.detail.size(), 400u);
  }
}

TEST(TcpProbe, AConnectionPassesAndARefusalFails) {
  ScriptServer server(Silent);
  Prober prober;
  EXPECT_TRUE(prober.Ask(To(server.port(), ProbeKind::kTcp)).passed());
  const ProbeResult refused = prober.Ask(To(ClosedPort(), ProbeKind::kTcp));
  EXPECT_EQ(refused.outcome, ProbeOutcome::kFailed);
  EXPECT_THAT(refused.detail, HasSubstr("Connection refused"));
}

TEST(TcpProbe, NamesAreResolvedAndUnknownOnesFail) {
  ScriptServer server(Silent);
  Prober prober;
  Probe probe = To(server.port(), ProbeKind::kTcp);
  probe.host = "localhost";  // perhaps ::1 first, where nobody listens: the next address is tried
  EXPECT_TRUE(prober.Ask(probe).passed());
  probe.host = "no-such-host.invalid";
  probe.timeout = absl::Seconds(5);
  const ProbeResult unknown = prober.Ask(probe);
  EXPECT_EQ(unknown.outcome, ProbeOutcome::kFailed);
  EXPECT_THAT(unknown.detail, HasSubstr("no-such-host.invalid"));
}

TEST(TcpProbe, WithoutAFileDescriptorNobodyWasAsked) {
  ScriptServer server(Silent);
  Prober prober;
  EXPECT_TRUE(prober.Ask(To(server.port(), ProbeKind::kTcp)).passed());
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  const ProbeResult result = prober.Ask(To(server.port(), ProbeKind::kTcp));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(result.outcome, ProbeOutcome::kNotAsked) << result.detail;
}

TEST(GrpcProbe, AsksTheHealthService) {
  grpc::EnableDefaultHealthCheckService(true);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  grpc::CallbackGenericService nothing_else;  // gives the server its threads
  builder.RegisterCallbackGenericService(&nothing_else);
  const auto server = builder.BuildAndStart();
  auto* health = server->GetHealthCheckService();
  health->SetServingStatus(true);
  health->SetServingStatus("shop.Cart", false);

  Prober prober;
  Probe probe = To(static_cast<uint16_t>(port), ProbeKind::kGrpc);
  EXPECT_TRUE(prober.Ask(probe).passed());
  probe.grpc_service = "shop.Cart";
  EXPECT_THAT(prober.Ask(probe).detail, HasSubstr("NOT_SERVING"));
  probe.grpc_service = "unknown";
  EXPECT_THAT(prober.Ask(probe).detail, HasSubstr("code 5"));
  probe.grpc_service = "";
  health->SetServingStatus(false);
  EXPECT_EQ(prober.Ask(probe).outcome, ProbeOutcome::kFailed);
}

TEST(GrpcProbe, HostileServersFailInTime) {
  Prober prober;
  EXPECT_EQ(prober.Ask(To(ClosedPort(), ProbeKind::kGrpc)).outcome, ProbeOutcome::kFailed);
  ScriptServer silent(Silent);
  EXPECT_THAT(prober.Ask(To(silent.port(), ProbeKind::kGrpc, kShort)).detail,
              HasSubstr("no answer within"));
  ScriptServer web(Says(Answer("200 OK")));
  EXPECT_EQ(prober.Ask(To(web.port(), ProbeKind::kGrpc, absl::Seconds(5))).outcome,
            ProbeOutcome::kFailed);
}

TEST(ProcessProbe, TellsARunningProcessFromADeadOne) {
  Prober prober;
  EXPECT_TRUE(prober.Ask({.kind = ProbeKind::kProcess, .pid = getpid()}).passed());
  int hold[2];
  ASSERT_EQ(pipe(hold), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(hold[1]);
    char byte;
    _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(hold[0]);
  const Probe probe{.kind = ProbeKind::kProcess, .pid = child};
  EXPECT_TRUE(prober.Ask(probe).passed());
  close(hold[1]);
  // A zombie is dead, though its id is still taken.
  EXPECT_TRUE(WaitFor([&] { return prober.Ask(probe).outcome == ProbeOutcome::kFailed; }));
  waitpid(child, nullptr, 0);
  EXPECT_EQ(prober.Ask(probe).outcome, ProbeOutcome::kFailed);
}

TEST(Prober, HundredsOfSilentTargetsDoNotHoldUpALiveOne) {
  ScriptServer silent([](ScriptServer::Connection& peer) { peer.Hold(); });
  ScriptServer live(Says(Answer("200 OK")));
  constexpr int kSilent = 300;  // each is a thread of the test's server
  std::atomic<int> ended{0};
  {
    Prober prober;
    for (int i = 0; i < kSilent; ++i) {
      prober.Start(To(silent.port(), ProbeKind::kHttp), [&](const ProbeResult& result) {
        EXPECT_EQ(result.outcome, ProbeOutcome::kNotAsked);
        ++ended;
      });
    }
    EXPECT_TRUE(prober.Ask(To(live.port(), ProbeKind::kHttp)).passed());
    EXPECT_EQ(prober.in_flight(), static_cast<size_t>(kSilent));
  }
  // The destructor has answered for those that still waited.
  EXPECT_EQ(ended, kSilent);
}

TEST(Prober, ThousandsOfProbesEachGetOneAnswer) {
  constexpr int kProbes = 3000;
  const uint16_t closed = ClosedPort();
  std::atomic<int> failed{0};
  Prober prober;
  for (int i = 0; i < kProbes; ++i) {
    prober.Start(To(closed, ProbeKind::kTcp), [&](const ProbeResult& result) {
      if (result.outcome == ProbeOutcome::kFailed) ++failed;
    });
  }
  EXPECT_TRUE(WaitFor([&] { return failed == kProbes; })) << failed;
  EXPECT_EQ(prober.in_flight(), 0u);
}

TEST(Prober, BeyondItsLimitNobodyIsAsked) {
  constexpr size_t kTooMany = 100;
  const Probe probe{.kind = ProbeKind::kProcess, .pid = getpid()};
  std::atomic<size_t> passed{0}, refused{0};
  std::promise<void> go;
  Prober prober;
  // The prober's thread stands still meanwhile, so nothing ends.
  prober.Start(probe, [&go](const ProbeResult&) { go.get_future().wait(); });
  ASSERT_TRUE(WaitFor([&] { return prober.in_flight() == 0; }));
  for (size_t i = 0; i < Prober::kInFlightMax + kTooMany; ++i) {
    prober.Start(probe, [&](const ProbeResult& result) {
      if (result.passed()) ++passed;
      if (result.outcome == ProbeOutcome::kNotAsked) ++refused;
    });
  }
  go.set_value();
  EXPECT_TRUE(WaitFor([&] { return passed + refused == Prober::kInFlightMax + kTooMany; }));
  EXPECT_EQ(refused, kTooMany);
}

TEST(Prober, ABadProbeIsRefusedByName) {
  Prober prober;
  EXPECT_THAT(prober.Ask({.host = "", .port = 1}).detail, HasSubstr("no host"));
  EXPECT_THAT(prober.Ask({.host = "h", .port = 0}).detail, HasSubstr("no port"));
}

TEST(Prober, AnAnswerMayStartTheNextProbeWhileTheProberGoes) {
  std::atomic<int> ends{0};
  std::function<void(const ProbeResult&)> again;
  {
    Prober prober;
    again = [&](const ProbeResult&) {
      if (++ends < 5) prober.Start({.kind = ProbeKind::kProcess, .pid = getpid()}, again);
    };
    prober.Start({.kind = ProbeKind::kProcess, .pid = getpid()}, again);
  }
  EXPECT_EQ(ends, 5);
}

}  // namespace
}  // namespace registry::probes
