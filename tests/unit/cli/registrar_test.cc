#include "cli/sidecar/registrar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "tests/support/fake_registry_server.h"

namespace registry::cli {
namespace {

using ::registryd::testing::FakeRegistryServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = Registrar::State;

InstanceSpec Spec(const std::string& service) {
  return {.service = service, .id = "a", .endpoints = {{.host = "10.0.0.7", .port = 80}}};
}

TEST(RegistrarTest, OneThatIsRefusedDoesNotHoldUpTheOthers) {
  FakeRegistryServer server;
  std::mutex mutex;
  std::vector<std::string> notes;
  Registrar registrar(
      {.client = {.servers = {server.address()}}, .note = [&](const std::string& note) {
         std::lock_guard lock(mutex);
         notes.push_back(note);
       }});
  registrar.Want("default/web/a", Spec("web"), State::kPassing);
  ASSERT_TRUE(registrar.WaitSettled(absl::Seconds(30)));
  {
    std::lock_guard lock(mutex);
    notes.clear();
  }
  server.FailNext("Register", grpc::StatusCode::INVALID_ARGUMENT, 1'000'000);
  const auto tries = [&] { return server.Seen([](auto& seen) { return seen.calls["Register"]; }); };
  const int before = tries();
  registrar.Want("default/pay/a", Spec("pay"), State::kPassing);
  ASSERT_TRUE(server.Await([&](auto& seen) { return seen.calls["Register"] > before; }));
  constexpr int kChanges = 50;
  for (int i = 0; i < kChanges; ++i) {
    const std::string message = std::to_string(i);
    registrar.Want("default/web/a", Spec("web"), State::kCritical, message);
    ASSERT_TRUE(server.Await([&](auto& seen) {
      return !seen.health_reports.empty() && seen.health_reports.back().message() == message;
    }));
  }
  // It is tried again in its own time, and not with each change of the other.
  EXPECT_LT(tries() - before, kChanges / 2);
  std::lock_guard lock(mutex);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("default/pay/a: "))) << "said once";
}

}  // namespace
}  // namespace registry::cli
