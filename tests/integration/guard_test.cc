// Promise G5, overrides and active checks with real processes, the public API and registry-cli.
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <memory>
#include <string>

#include "registry/v1/operator.grpc.pb.h"
#include "tests/support/daemon.h"
#include "tests/support/instance_process.h"
#include "tests/support/listener.h"
#include "tests/support/stubs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"
#include "tests/support/watch_client.h"

namespace registryd::testing {
namespace {

constexpr int64_t kTtlMs = 2'000;

class GuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
    Connect();
  }
  void Connect() {
    stubs_ = std::make_unique<Stubs>(daemon_.address());
    operators_ = registry::v1::Operator::NewStub(
        grpc::CreateChannel(daemon_.address(), grpc::InsecureChannelCredentials()));
  }
  void StartInstance(const std::string& id) {
    instances_[id] = std::make_unique<InstanceProcess>(daemon_.address(), id, kTtlMs);
    ASSERT_TRUE(instances_[id]->WaitUntilRegistered()) << instances_[id]->Log() << daemon_.Log();
  }
  // How many of web a plain lookup returns, and how many of them are suspect.
  std::pair<int, int> Served() {
    registry::v1::LookupRequest request;
    request.set_service("web");
    registry::v1::LookupResponse response;
    const grpc::Status status = stubs_->Lookup(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    int suspect = 0;
    for (const auto& instance : response.instances()) {
      const bool is_suspect = instance.health() == registry::v1::HEALTH_SUSPECT;
      EXPECT_TRUE(is_suspect || suspect == 0) << "suspect ones come last";
      if (is_suspect) {
        EXPECT_EQ(instance.health_reason(), registry::v1::HEALTH_REASON_SILENT);
      }
      suspect += is_suspect;
    }
    return {response.instances_size(), suspect};
  }
  registry::v1::Instance Find(const std::string& id) {
    return stubs_->AllInstances()["default/web/" + id];
  }
  // A call of the Operator service with a deadline.
  template <class Call>
  grpc::Status Operate(Call call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return call(&context);
  }

  TempDir dir_;
  Daemon daemon_{dir_.path() + "/data"};
  std::map<std::string, std::unique_ptr<InstanceProcess>> instances_;
  std::unique_ptr<Stubs> stubs_;
  std::unique_ptr<registry::v1::Operator::Stub> operators_;
};

TEST_F(GuardTest, G5AServiceWhoseClientsAreAllStoppedIsStillServed) {
  for (int i = 0; i < 6; ++i) StartInstance("i-" + std::to_string(i));
  ASSERT_EQ(Served(), std::make_pair(6, 0));
  WatchClient watcher({.address = daemon_.address(), .subscribe = ServiceScope("web")});
  watcher.Connect();
  ASSERT_TRUE(watcher.WaitUntilWhole());
  for (const auto& [id, instance] : instances_) instance->process().Signal(SIGSTOP);
  // A third leaves, the rest turns suspect; never less than four are served, nor shown to a
  // subscriber.
  const auto served_by = [](const WatchChecker& checker) {
    int served = 0;
    for (const auto& [name, instance] : checker.picture()) {
      served += instance.health() == registry::v1::HEALTH_PASSING ||
                instance.health() == registry::v1::HEALTH_SUSPECT;
    }
    return served;
  };
  bool enough = true;
  ASSERT_TRUE(WaitFor([&] {
    const auto [served, suspect] = Served();
    const int shown = watcher.Look(served_by);
    enough = enough && served >= 4 && shown >= 4;
    return served == 4 && suspect == 4 && shown == 4;
  })) << daemon_.Log();
  EXPECT_TRUE(enough);
  watcher.Cut();
  EXPECT_EQ(watcher.checker().errors(), WatchChecker::Errors());

  registry::v1::ListGuardResponse held;
  ASSERT_TRUE(Operate([&](grpc::ClientContext* context) {
                return operators_->ListGuard(context, {}, &held);
              }).ok());
  EXPECT_EQ(held.silent_leases(), 4u);
  ASSERT_EQ(held.services_size(), 1);
  EXPECT_EQ(held.services(0).suspect(), 4u);
  EXPECT_GT(held.services(0).since_ms(), 0);

  // The state is replicated: a restart holds what was held.
  daemon_.Kill9();
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  Connect();
  EXPECT_EQ(Served(), std::make_pair(4, 4));

  // They go on, and are all there again: by a renewal, or by a registration of those that left.
  for (const auto& [id, instance] : instances_) instance->process().Signal(SIGCONT);
  EXPECT_TRUE(WaitFor([&] { return Served() == std::make_pair(6, 0); })) << daemon_.Log();
}

TEST_F(GuardTest, AnOperatorLetsGoOfWhatIsHeld) {
  for (int i = 0; i < 3; ++i) StartInstance("i-" + std::to_string(i));
  for (const auto& [id, instance] : instances_) instance->process().Signal(SIGKILL);
  ASSERT_TRUE(WaitFor([&] { return Served() == std::make_pair(2, 2); })) << daemon_.Log();
  registry::v1::ReleaseGuardRequest request;
  registry::v1::ReleaseGuardResponse response;
  EXPECT_EQ(Operate([&](grpc::ClientContext* context) {
              return operators_->ReleaseGuard(context, request, &response);
            }).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT)
      << "neither a service nor all";
  request.set_service("web");
  const grpc::Status status = Operate([&](grpc::ClientContext* context) {
    return operators_->ReleaseGuard(context, request, &response);
  });
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.released(), 2u);
  EXPECT_EQ(Served(), std::make_pair(0, 0));
}

TEST_F(GuardTest, MaintenanceOutlivesTheInstanceAndTheDaemon) {
  StartInstance("i-1");
  registry::v1::SetMaintenanceRequest request;
  request.mutable_target()->set_service("web");
  request.mutable_target()->set_id("i-1");
  request.set_owner("ops");
  request.set_reason("kernel update");
  registry::v1::SetMaintenanceResponse response;
  const grpc::Status status = Operate([&](grpc::ClientContext* context) {
    return operators_->SetMaintenance(context, request, &response);
  });
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.instances(), 1u);
  EXPECT_EQ(Served(), std::make_pair(0, 0));

  instances_["i-1"]->process().Signal(SIGTERM);
  EXPECT_EQ(instances_["i-1"]->process().Wait(), 0);
  ASSERT_EQ(daemon_.Stop(), 0) << daemon_.Log();
  ASSERT_TRUE(daemon_.Start()) << daemon_.Log();
  Connect();
  StartInstance("i-1");
  const registry::v1::Instance instance = Find("i-1");
  EXPECT_EQ(instance.health(), registry::v1::HEALTH_DRAINING);
  EXPECT_EQ(instance.health_reason(), registry::v1::HEALTH_REASON_MAINTENANCE);
  EXPECT_EQ(instance.health_message(), "kernel update");
  EXPECT_EQ(instance.maintenance().owner(), "ops");

  registry::v1::ListMaintenanceResponse list;
  ASSERT_TRUE(Operate([&](grpc::ClientContext* context) {
                return operators_->ListMaintenance(context, {}, &list);
              }).ok());
  ASSERT_EQ(list.entries_size(), 1);
  EXPECT_EQ(list.entries(0).target().id(), "i-1");

  registry::v1::EndMaintenanceRequest end;
  *end.mutable_target() = request.target();
  registry::v1::EndMaintenanceResponse ended;
  ASSERT_TRUE(Operate([&](grpc::ClientContext* context) {
                return operators_->EndMaintenance(context, end, &ended);
              }).ok());
  EXPECT_EQ(Served(), std::make_pair(1, 0));
  EXPECT_EQ(Operate([&](grpc::ClientContext* context) {
              return operators_->EndMaintenance(context, end, &ended);
            }).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(GuardTest, MinHealthyRefusesByNumbersUnlessForced) {
  registry::v1::RegisterRequest request;
  for (const std::string id : {"i-1", "i-2"}) *request.add_instances() = Spec("web", id);
  registry::v1::RegisterResponse registered;
  ASSERT_TRUE(stubs_->Register(request, &registered).ok());
  registry::v1::SetServiceRequest settings;
  settings.set_service("web");
  settings.set_min_healthy(2);
  registry::v1::SetServiceResponse set;
  ASSERT_TRUE(Operate([&](grpc::ClientContext* context) {
                return operators_->SetService(context, settings, &set);
              }).ok());

  registry::v1::DeregisterRequest leave;
  leave.add_instances()->set_service("web");
  leave.mutable_instances(0)->set_id("i-1");
  registry::v1::DeregisterResponse left;
  const grpc::Status refused = stubs_->Deregister(leave, &left);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(refused.error_message().find("has 2 passing instances and min_healthy 2"),
            std::string::npos)
      << refused.error_message();
  leave.set_process_exit(true);
  leave.set_reason("process exited 137");
  EXPECT_TRUE(stubs_->Deregister(leave, &left).ok()) << "a process that ended is a fact";

  registry::v1::SetHealthRequest drain;
  drain.mutable_instance()->set_service("web");
  drain.mutable_instance()->set_id("i-2");
  drain.set_health(registry::v1::HEALTH_DRAINING);
  registry::v1::SetHealthResponse drained;
  EXPECT_EQ(stubs_->SetHealth(drain, &drained).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  drain.set_force(true);
  EXPECT_TRUE(stubs_->SetHealth(drain, &drained).ok());
}

TEST_F(GuardTest, AnActiveCheckServesAndTakesOut) {
  Listener listener;
  registry::v1::RegisterRequest request;
  registry::v1::InstanceSpec* spec = request.add_instances();
  *spec = Spec("web", "i-1");
  spec->mutable_endpoints(0)->set_host("127.0.0.1");
  spec->mutable_endpoints(0)->set_port(listener.port());
  spec->mutable_check()->set_kind(registry::v1::Check::KIND_TCP);
  spec->mutable_check()->set_interval_ms(1'000);
  spec->mutable_check()->set_failures(2);
  registry::v1::RegisterResponse registered;
  const grpc::Status status = stubs_->Register(request, &registered);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(WaitFor([&] { return Served() == std::make_pair(1, 0); })) << daemon_.Log();
  EXPECT_EQ(Find("i-1").health_reason(), registry::v1::HEALTH_REASON_CHECK);
  listener.Close();
  EXPECT_TRUE(WaitFor([&] { return Served() == std::make_pair(0, 0); })) << daemon_.Log();
  EXPECT_EQ(Find("i-1").health(), registry::v1::HEALTH_CRITICAL);
  EXPECT_NE(Find("i-1").health_message(), "") << "what the check saw";
}

TEST_F(GuardTest, AnInstanceThatFlapsEndsInItsLastState) {
  registry::v1::RegisterRequest request;
  *request.add_instances() = Spec("web", "i-1");
  *request.add_instances() = Spec("db", "i-1");
  registry::v1::RegisterResponse registered;
  ASSERT_TRUE(stubs_->Register(request, &registered).ok());
  const auto start = std::chrono::steady_clock::now();
  registry::v1::SetHealthResponse response;
  for (int i = 0; i < 300; ++i) {
    registry::v1::SetHealthRequest report;
    report.mutable_instance()->set_service("web");
    report.mutable_instance()->set_id("i-1");
    report.set_health(i % 2 == 0 ? registry::v1::HEALTH_CRITICAL : registry::v1::HEALTH_PASSING);
    ASSERT_TRUE(stubs_->SetHealth(report, &response).ok());
  }
  const auto took = std::chrono::steady_clock::now() - start;
  std::printf(
      "300 flaps in %lld ms\n",
      static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  EXPECT_EQ(Find("i-1").health(), registry::v1::HEALTH_PASSING);
  EXPECT_EQ(response.revision(), registered.revision() + 300);
  EXPECT_EQ(stubs_->AllInstances()["default/db/i-1"].changed_revision(), registered.revision());
}

}  // namespace
}  // namespace registryd::testing
