// registry-cli run and registry-cli sidecar as real processes beside a real
// daemon.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/daemon.h"
#include "tests/support/script_server.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/watch_client.h"

namespace registryd::testing {
namespace {

using registry::v1::Instance;

class SidecarTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(daemon_.Start()) << daemon_.Log(); }

  // Starts registry-cli with these words; its output is in Err().
  void Cli(std::vector<std::string> words, const std::string& server = "") {
    words.insert(words.begin(), {BinDir() + "/registry-cli", "--server",
                                 server.empty() ? daemon_.address() : server});
    process_ = std::make_unique<ChildProcess>(words, dir_.path() + "/out", dir_.path() + "/err");
  }
  // A process that does nothing, or what the script says.
  void RunWeb(uint16_t port, const std::vector<std::string>& options,
              const std::string& script = "exec tail -f /dev/null") {
    std::vector<std::string> words{"run",    "--service",         "web", "--id", "web-1",
                                   "--port", std::to_string(port)};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", "/bin/bash", "-c", script});
    Cli(words);
  }
  std::string Err() const { return ReadFile(dir_.path() + "/err"); }
  std::string Out() const { return ReadFile(dir_.path() + "/out"); }

  std::optional<Instance> Find(const std::string& id, const std::string& service = "web") {
    Stubs stubs(daemon_.address());
    const auto all = stubs.AllInstances();
    const auto found = all.find("default/" + service + "/" + id);
    return found == all.end() ? std::nullopt : std::optional<Instance>(found->second);
  }
  bool Healthy(const std::string& id, const std::string& service = "web") {
    const auto found = Find(id, service);
    return found && found->health() == registry::v1::HEALTH_PASSING;
  }
  pid_t ChildPid() {
    const Finished found = RunProgram({"/usr/bin/pgrep", "-P", std::to_string(process_->pid())});
    return found.out.empty() ? 0 : std::stoi(found.out);
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
  std::unique_ptr<ChildProcess> process_;
};

ScriptServer::Script Healthz(const std::atomic<bool>& ok) {
  return [&ok](ScriptServer::Connection& peer) {
    if (!peer.ReadSome()) return;
    peer.Send(ok ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                 : "HTTP/1.1 503 Oh\r\nContent-Length: 4\r\n\r\nsick");
  };
}

TEST_F(SidecarTest, AKilledProcessLeavesAtOnceAndItsStatusIsPassedOn) {
  ScriptServer listens([](ScriptServer::Connection&) {});
  RunWeb(listens.port(), {"--ttl", "1h"});
  ASSERT_TRUE(WaitFor([&] { return Healthy("web-1"); })) << Err();
  EXPECT_EQ(Find("web-1")->spec().endpoints(0).host(),
            "127.0.0.1");  // faces the registry
  kill(ChildPid(), SIGKILL);
  // The lease has an hour: only the news of the death takes it out.
  EXPECT_TRUE(WaitFor([&] { return !Find("web-1"); })) << Err();
  EXPECT_EQ(process_->Wait(), 137) << Err();
  EXPECT_NE(Err().find("process exited 137"), std::string::npos) << Err();
  // The registry keeps the reason.
  const Finished history = RunProgram(
      {BinDir() + "/registry-cli", "--server", daemon_.address(), "history", "web", "-o", "wide"});
  EXPECT_NE(history.out.find("process exited 137"), std::string::npos) << history.out;
}

TEST_F(SidecarTest, ItIsNotRegisteredBeforeItListens) {
  const uint16_t port = ClosedPort();
  RunWeb(port, {},
         "while [ ! -e " + dir_.path() +
             "/go ]; do read -t 0.05 <> <(:); done; "
             "exec perl -MIO::Socket::INET -e '$s = "
             "IO::Socket::INET->new(LocalAddr => \"127.0.0.1\", "
             "LocalPort => " +
             std::to_string(port) +
             ", Listen => 5, ReuseAddr => 1) or die; "
             "while ($c = $s->accept) { close $c }'");
  ASSERT_TRUE(WaitFor([&] { return ChildPid() != 0; }));
  Stubs stubs(daemon_.address());
  EXPECT_TRUE(stubs.AllInstances().empty());
  std::ofstream(dir_.path() + "/go") << "go";
  EXPECT_TRUE(WaitFor([&] { return Healthy("web-1"); })) << Err();
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 143) << Err();  // perl has no handler
}

TEST_F(SidecarTest, ItFollowsItsCheck) {
  std::atomic<bool> ok{false};
  ScriptServer server(Healthz(ok));
  RunWeb(server.port(), {"--check", "http:/health", "--interval", "50ms"});
  ASSERT_TRUE(WaitFor([&] { return server.accepted() > 3; }));
  EXPECT_FALSE(Find("web-1"));
  ok = true;
  ASSERT_TRUE(WaitFor([&] { return Healthy("web-1"); })) << Err();
  ok = false;
  ASSERT_TRUE(WaitFor([&] {
    const auto web = Find("web-1");
    return web && web->health() == registry::v1::HEALTH_CRITICAL;
  })) << Err();
  EXPECT_NE(Find("web-1")->health_message().find("503 Oh: sick"), std::string::npos);
  ok = true;
  EXPECT_TRUE(WaitFor([&] { return Healthy("web-1"); })) << Err();
}

TEST_F(SidecarTest, SigtermTakesItOutBeforeTheProcessIsTold) {
  ScriptServer listens([](ScriptServer::Connection&) {});
  // The process writes down whether the registry still knew it when it was told
  // to stop.
  RunWeb(listens.port(), {},
         "trap '" + BinDir() + "/registry-cli --server " + daemon_.address() +
             " instances web -o json > " + dir_.path() +
             "/seen; exit 7' TERM; "
             "echo ready; while :; do read -t 0.05 <> <(:); done");
  ASSERT_TRUE(WaitFor([&] { return Healthy("web-1") && !Out().empty(); })) << Err();
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 7) << Err();
  const std::string seen = ReadFile(dir_.path() + "/seen");
  EXPECT_NE(seen.find("\"instances\""), std::string::npos) << seen;
  EXPECT_EQ(seen.find("web-1"), std::string::npos) << seen;
}

TEST_F(SidecarTest, G7TheProcessIsToldToStopWhenItsCallersKnow) {
  ScriptServer listens([](ScriptServer::Connection&) {});
  RunWeb(listens.port(), {"--drain-timeout", "10m"},
         "trap 'echo told; exit 7' TERM; echo ready; while :; do read -t 0.05 <> <(:); done");
  ASSERT_TRUE(WaitFor([&] { return Healthy("web-1") && !Out().empty(); })) << Err();
  registry::v1::Hello hello;
  hello.set_client_id("cart-7");
  WatchClient cart(
      {.address = daemon_.address(), .subscribe = ServiceScope("web"), .hello = hello});
  cart.Connect();
  ASSERT_TRUE(WaitFor([&] { return cart.Look([](auto& c) { return c.whole(); }); }));
  process_->Signal(SIGTERM);
  const auto draining = [&] {
    const auto web = Find("web-1");
    return web && web->health() == registry::v1::HEALTH_DRAINING;
  };
  ASSERT_TRUE(WaitFor(draining)) << Err();
  const uint64_t revision = Find("web-1")->changed_revision();
  cart.Acknowledge(revision - 1);  // not enough
  EXPECT_TRUE(draining());
  EXPECT_EQ(Out(), "ready\n");
  cart.Acknowledge(revision);
  EXPECT_EQ(process_->Wait(), 7) << Err();
  EXPECT_EQ(Out(), "ready\ntold\n");
}

TEST_F(SidecarTest, ACallerThatDoesNotAcknowledgeIsNamedAfterTheDrainTimeout) {
  ScriptServer listens([](ScriptServer::Connection&) {});
  RunWeb(listens.port(), {"--drain-timeout", "500ms"});
  ASSERT_TRUE(WaitFor([&] { return Healthy("web-1"); })) << Err();
  registry::v1::Hello hello;
  hello.set_client_id("cart-7");
  hello.set_client_name("cart");
  WatchClient cart(
      {.address = daemon_.address(), .subscribe = ServiceScope("web"), .hello = hello});
  cart.Connect();
  ASSERT_TRUE(WaitFor([&] { return cart.Look([](auto& c) { return c.whole(); }); }));
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 143) << Err();
  EXPECT_NE(Err().find("not acknowledged by cart"), std::string::npos) << Err();
}

TEST_F(SidecarTest, AProcessThatDoesNotStopIsKilledAfterItsGrace) {
  ScriptServer listens([](ScriptServer::Connection&) {});
  RunWeb(listens.port(), {"--grace", "100ms"},
         "trap '' TERM; echo ready; while :; do read -t 0.05 <> <(:); done");
  ASSERT_TRUE(WaitFor([&] { return Healthy("web-1") && !Out().empty(); })) << Err();
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 137) << Err();
}

TEST_F(SidecarTest, OtherSignalsAndTheExitStatusArePassedOn) {
  RunWeb(ClosedPort(), {},
         "trap 'echo usr1' USR1; trap 'echo hup' HUP; trap 'exit 42' USR2; "
         "echo ready; "
         "while :; do read -t 0.05 <> <(:); done");
  ASSERT_TRUE(WaitFor([&] { return Out() == "ready\n"; })) << Err();
  process_->Signal(SIGUSR1);
  ASSERT_TRUE(WaitFor([&] { return Out() == "ready\nusr1\n"; })) << Err();
  process_->Signal(SIGHUP);
  ASSERT_TRUE(WaitFor([&] { return Out() == "ready\nusr1\nhup\n"; })) << Err();
  process_->Signal(SIGUSR2);
  EXPECT_EQ(process_->Wait(), 42) << Err();
}

TEST_F(SidecarTest, AProgramThatCannotRunHasTheStatusOfAShell) {
  const auto status = [&](const std::string& program) {
    Cli({"run", "--service", "web", "--port", "1", "--", program});
    return process_->Wait();
  };
  EXPECT_EQ(status("/no/such/program"), 127) << Err();
  EXPECT_EQ(status("/etc/passwd"), 126) << Err();
}

TEST_F(SidecarTest, TheProcessRunsThoughTheRegistryIsDownAndIsFoundWhenItIsBack) {
  ScriptServer listens([](ScriptServer::Connection&) {});
  const std::string address = daemon_.address();
  EXPECT_EQ(daemon_.Stop(), 0);
  Cli({"--timeout", "500ms", "run", "--service", "web", "--id", "web-1", "--port",
       std::to_string(listens.port()), "--", "/bin/bash", "-c",
       "echo ready; exec tail -f /dev/null"},
      address);
  ASSERT_TRUE(WaitFor([&] { return Out() == "ready\n"; })) << Err();
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  EXPECT_TRUE(WaitFor([&] { return Healthy("web-1"); })) << Err();
  daemon_.Kill9();
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  EXPECT_TRUE(Healthy("web-1")) << Err();  // the restart did not lose it
}

TEST_F(SidecarTest, AsProcessOneItReapsOrphans) {
  const std::vector<std::string> unshare{"/usr/bin/unshare", "--pid", "--fork", "--mount-proc"};
  std::vector<std::string> words = unshare;
  words.push_back("/bin/true");
  if (RunProgram(words).exit != 0) GTEST_SKIP() << "no PID namespaces here";
  words.pop_back();
  // A grandchild is orphaned, ends, and must not stay a zombie: then it is seen
  // by nobody.
  words.insert(words.end(),
               {BinDir() + "/registry-cli", "--server", daemon_.address(), "run", "--service",
                "web", "--port", "1", "--", "/bin/bash", "-c",
                "(bash -c 'echo $$ > " + dir_.path() + "/orphan' &) ; while [ ! -s " + dir_.path() +
                    "/orphan ]; do read -t 0.05 <> <(:); done; orphan=$(cat " + dir_.path() +
                    "/orphan); while [ -e /proc/$orphan ]; do read -t 0.05 <> "
                    "<(:); done; exit 5"});
  EXPECT_EQ(RunProgram(words).exit, 5);
}

TEST_F(SidecarTest, SeveralServicesHangOnOneLeaseAndReloadOnSighup) {
  std::atomic<bool> ok{true};
  ScriptServer a(Healthz(ok)), b([](ScriptServer::Connection&) {}), c(Healthz(ok));
  const auto entry = [](const std::string& name, uint16_t port, const std::string& rest = "") {
    return "[[service]]\nname = \"" + name + "\"\nid = \"" + name +
           "-1\"\ninterval = \"50ms\"\nport = " + std::to_string(port) + "\n" + rest;
  };
  const std::string file = dir_.path() + "/sidecar.toml";
  std::ofstream(file) << entry("a", a.port(), "check = \"http:/health\"\n") << entry("b", b.port());
  Cli({"sidecar", "--config", file});
  ASSERT_TRUE(WaitFor([&] { return Healthy("a-1", "a") && Healthy("b-1", "b"); })) << Err();
  EXPECT_NE(Find("a-1", "a")->lease_id(), 0u);
  EXPECT_EQ(Find("a-1", "a")->lease_id(), Find("b-1", "b")->lease_id());
  const uint64_t incarnation = Find("b-1", "b")->incarnation();

  std::ofstream(file) << entry("b", b.port(), "labels = { env = \"new\" }\n")
                      << entry("c", c.port(), "check = \"http:/health\"\n");
  process_->Signal(SIGHUP);
  ASSERT_TRUE(WaitFor([&] {
    const auto changed = Find("b-1", "b");
    return !Find("a-1", "a") && Healthy("c-1", "c") && changed &&
           changed->spec().labels().count("env") == 1;
  })) << Err();
  EXPECT_EQ(Find("c-1", "c")->lease_id(), Find("b-1", "b")->lease_id());
  EXPECT_GE(Find("b-1", "b")->incarnation(), incarnation);

  // A file that is wrong changes nothing.
  std::ofstream(file) << "[[service]]\nname = 7\n";
  process_->Signal(SIGHUP);
  ASSERT_TRUE(WaitFor([&] { return Err().find("not reloaded") != std::string::npos; })) << Err();
  EXPECT_TRUE(Healthy("b-1", "b"));
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0) << Err();
  EXPECT_FALSE(Find("b-1", "b"));
  EXPECT_FALSE(Find("c-1", "c"));
}

// The registry itself answers gRPC's health service.
TEST_F(SidecarTest, ACheckThatAReloadHasChangedAndThatFailsTurnsItCritical) {
  const std::string port = daemon_.address().substr(daemon_.address().rfind(':') + 1);
  const std::string file = dir_.path() + "/sidecar.toml";
  const auto write = [&](const std::string& check) {
    std::ofstream(file)
        << "[[service]]\nname = \"web\"\nid = \"web-1\"\ninterval = \"50ms\"\nport = " << port
        << "\ncheck = \"" << check << "\"\n";
  };
  write("grpc");
  Cli({"sidecar", "--config", file});
  ASSERT_TRUE(WaitFor([&] { return Healthy("web-1"); })) << Err();
  write("grpc:no.such.Service");
  process_->Signal(SIGHUP);
  ASSERT_TRUE(WaitFor([&] {
    const auto web = Find("web-1");
    return web && web->health() == registry::v1::HEALTH_CRITICAL;
  })) << Err();
  write("tcp");
  process_->Signal(SIGHUP);
  EXPECT_TRUE(WaitFor([&] { return Healthy("web-1"); })) << Err();
}

TEST_F(SidecarTest, ALostLeaseBringsEverythingBack) {
  std::atomic<bool> ok{true};
  ScriptServer a(Healthz(ok)), b(Healthz(ok));
  const std::string file = dir_.path() + "/sidecar.toml";
  std::ofstream(file) << "[[service]]\nname = \"a\"\nid = \"a-1\"\nport = " << a.port()
                      << "\n[[service]]\nname = \"b\"\nid = \"b-1\"\nport = " << b.port() << "\n";
  Cli({"sidecar", "--config", file, "--ttl", "2s"});
  ASSERT_TRUE(WaitFor([&] { return Healthy("a-1", "a") && Healthy("b-1", "b"); })) << Err();
  const uint64_t lease = Find("a-1", "a")->lease_id();
  registry::v1::RevokeLeaseRequest revoke;
  revoke.set_lease_id(lease);
  registry::v1::RevokeLeaseResponse revoked;
  ASSERT_TRUE(Stubs(daemon_.address()).Revoke(revoke, &revoked).ok());
  EXPECT_EQ(revoked.removed(), 2u);
  EXPECT_TRUE(WaitFor([&] { return Healthy("a-1", "a") && Healthy("b-1", "b"); })) << Err();
  EXPECT_NE(Find("a-1", "a")->lease_id(), lease);
  EXPECT_EQ(Find("a-1", "a")->lease_id(), Find("b-1", "b")->lease_id());
}

// The library brings back what the lease began with; a reload may have changed or removed that.
TEST_F(SidecarTest, ALostLeaseBringsBackWhatTheLastReloadSaid) {
  std::atomic<bool> ok{true};
  ScriptServer a(Healthz(ok)), b(Healthz(ok));
  const std::string file = dir_.path() + "/sidecar.toml";
  const std::string first =
      "[[service]]\nname = \"a\"\nid = \"a-1\"\nport = " + std::to_string(a.port()) + "\n";
  const std::string second =
      "[[service]]\nname = \"b\"\nid = \"b-1\"\nport = " + std::to_string(b.port()) + "\n";
  const auto reload = [&](const std::string& config) {
    std::ofstream(file) << config;
    process_->Signal(SIGHUP);
  };
  const auto lose_lease = [&] {
    registry::v1::RevokeLeaseRequest revoke;
    revoke.set_lease_id(Find("b-1", "b")->lease_id());
    registry::v1::RevokeLeaseResponse revoked;
    ASSERT_TRUE(Stubs(daemon_.address()).Revoke(revoke, &revoked).ok());
    // It comes after the one that the lease began with.
    ASSERT_TRUE(WaitFor([&] {
      const auto back = Find("b-1", "b");
      return back && back->lease_id() != revoke.lease_id();
    })) << Err();
  };
  const auto labelled = [&] {
    const auto found = Find("a-1", "a");
    return found && found->spec().labels().count("env") == 1;
  };
  std::ofstream(file) << first;
  Cli({"sidecar", "--config", file, "--ttl", "2s"});
  ASSERT_TRUE(WaitFor([&] { return Healthy("a-1", "a"); })) << Err();
  reload(first + "labels = { env = \"new\" }\n" + second);
  ASSERT_TRUE(WaitFor([&] { return labelled() && Healthy("b-1", "b"); })) << Err();
  lose_lease();
  EXPECT_TRUE(WaitFor(labelled)) << Err();
  reload(second);
  ASSERT_TRUE(WaitFor([&] { return !Find("a-1", "a"); })) << Err();
  lose_lease();
  EXPECT_TRUE(WaitFor([&] { return !Find("a-1", "a"); })) << Err();
  EXPECT_TRUE(Healthy("b-1", "b"));
}

}  // namespace
}  // namespace registryd::testing
