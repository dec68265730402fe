// Random commands of every kind over a few names, leases and owners, so that they meet each other.
//
//   RandomCommand random(seed);                       // the test prints the seed
//   core::Command command = random.Next(registry);    // incarnations, epochs and revisions are
//   often the present ones core::Context context = random.NextContext();
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "registryd/base/text.h"
#include "registryd/core/commands.h"
#include "registryd/core/registry.h"

namespace registryd::testing {

class RandomCommand {
 public:
  explicit RandomCommand(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t n) { return random_() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  core::Command Next(const core::Registry& registry) {
    if (OneIn(30))
      return core::TrimHistory{Revision(Below(registry.counters().revision.value() + 2))};
    if (OneIn(3)) return MakeOfGuardAndOperators(registry);
    if (OneIn(50)) return core::RaiseFeatureLevel{1};
    switch (Below(10)) {
      case 0:
      case 1:
      case 2:
        return MakeRegister();
      case 3:
        return core::Deregister{MakeTargets(registry)};
      case 4:
        return MakeUpdate(registry);
      case 5:
        return core::SetHealth{MakeTarget(registry), static_cast<core::Report>(Below(3)),
                               OneIn(2) ? "" : Pick({"warming up", "disk is full", "é"})};
      case 6:
        return core::GrantLease{MakeClaim(false)};
      case 7:
        return core::RevokeLease{MakeLeaseId(), OneIn(2) ? LeaseEpoch() : MakeEpoch(registry)};
      case 8:
        return MakeExpire(registry);
      default:
        return core::RemoveCritical{MakeTargets(registry)};
    }
  }

  core::Context NextContext() {
    core::Context context;
    // The leader's clock goes back now and then.
    time_ms_ += static_cast<int64_t>(Below(2'000)) - 300;
    context.time_ms = time_ms_;
    context.term = Term(1 + Below(2));
    if (OneIn(2)) context.request = {1 + Below(3), Below(40)};
    context.actor = Pick({"", "spiffe://example.com/web"});
    return context;
  }

  core::InstanceSpec MakeSpec(core::InstanceName name) {
    core::InstanceSpec spec;
    spec.name = std::move(name);
    spec.endpoints = MakeEndpoints();
    spec.version = Pick({"", "1.4.2", "2.0.0-rc.1"});
    spec.labels = MakeLabels();
    spec.region = Pick({"", "eu"});
    spec.zone = Pick({"", "eu-1", "eu-2"});
    spec.weight = static_cast<uint32_t>(1 + Below(2));
    if (OneIn(4)) {
      spec.check = core::Boxed<core::CheckSpec>(
          {core::CheckKind::kHttp, "http", Pick({"/health", "/ready"}), 10'000, 2'000, 1, 3});
    }
    return spec;
  }

 private:
  std::string Pick(std::vector<std::string> from) { return from[Below(from.size())]; }

  core::InstanceName MakeName() {
    return core::InstanceName(Pick({"default", "default", "blue"}), Pick({"web", "db"}),
                              Text("i-", Below(5)));
  }
  LeaseId MakeLeaseId() { return LeaseId(1 + Below(5)); }

  LeaseEpoch MakeEpoch(const core::Registry& registry) {
    return LeaseEpoch(1 + Below(registry.counters().next_epoch.value()));
  }

  core::LeaseClaim MakeClaim(bool may_lack_ttl) {
    const int64_t ttl_ms = OneIn(5) ? 9'000 : 6'000;
    return {MakeLeaseId(), may_lack_ttl && OneIn(3) ? 0 : ttl_ms, OneIn(8) ? "b" : "a"};
  }

  std::vector<core::Endpoint> MakeEndpoints() {
    std::vector<core::Endpoint> endpoints;
    endpoints.push_back({"http", Pick({"10.0.0.1", "fd00::1", "web.example.com"}),
                         static_cast<uint16_t>(80 + Below(2)), Pick({"", "http"})});
    if (OneIn(3)) endpoints.push_back({"metrics", "10.0.0.1", 65'535, "tcp"});
    return endpoints;
  }

  std::vector<core::Label> MakeLabels() {
    std::vector<core::Label> labels;
    if (OneIn(2)) labels.push_back({"example.com/team", Pick({"", "a", "b"})});
    if (OneIn(3)) labels.push_back({"tier", "1"});
    return labels;
  }

  core::Target MakeTarget(const core::Registry& registry) {
    core::Target target;
    target.name = MakeName();
    const core::InstancePtr found = registry.Find(target.name);
    if (found && OneIn(2)) {
      target.incarnation = found->incarnation;
    } else if (OneIn(3)) {
      target.incarnation = Revision(Below(registry.counters().revision.value() + 3));
    }
    return target;
  }

  // Different ones, as the border demands.
  std::vector<core::Target> MakeTargets(const core::Registry& registry) {
    std::vector<core::Target> targets;
    for (uint64_t n = 1 + Below(3); n > 0; --n) {
      core::Target target = MakeTarget(registry);
      bool repeated = false;
      for (const core::Target& other : targets) repeated |= other.name == target.name;
      if (!repeated) targets.push_back(std::move(target));
    }
    return targets;
  }

  core::Register MakeRegister() {
    core::Register command;
    for (uint64_t n = 1 + Below(4); n > 0; --n) {
      core::InstanceName name = MakeName();
      bool repeated = false;
      for (const core::InstanceSpec& other : command.instances) repeated |= other.name == name;
      if (!repeated) command.instances.push_back(MakeSpec(std::move(name)));
    }
    if (!OneIn(4)) command.lease = MakeClaim(true);
    return command;
  }

  core::Update MakeUpdate(const core::Registry& registry) {
    core::Update command;
    command.target = MakeTarget(registry);
    if (OneIn(4)) {
      const core::InstancePtr found = registry.Find(command.target.name);
      command.expected = found && !OneIn(3) ? found->changed : Revision(1 + Below(50));
    }
    if (OneIn(3)) command.labels = MakeLabels();
    if (OneIn(3)) command.endpoints = MakeEndpoints();
    if (OneIn(3)) command.weight = static_cast<uint32_t>(1 + Below(3));
    if (OneIn(3)) command.version = Pick({"", "1.4.2"});
    if (OneIn(3)) command.zone = Pick({"", "eu-1"});
    return command;
  }

  core::ExpireLeases MakeExpire(const core::Registry& registry) {
    core::ExpireLeases command;
    for (uint64_t n = 1 + Below(3); n > 0; --n) {
      const LeaseId id = MakeLeaseId();
      const core::Lease* lease = registry.FindLease(id);
      command.leases.push_back({id, lease && !OneIn(4) ? lease->epoch : MakeEpoch(registry)});
    }
    command.term = Term(OneIn(4) ? 2 : 1);
    if (!OneIn(5)) command.guard = MakeRule();
    return command;
  }

  core::GuardRule MakeRule() {
    return {1, static_cast<uint32_t>(2 + Below(2)), static_cast<int64_t>(10'000 + Below(20'000)),
            OneIn(10)};
  }

  std::string MakeService() { return Text(Pick({"default", "blue"}), "/", Pick({"web", "db"})); }
  std::string MakeOverrideTarget() { return OneIn(3) ? MakeService() : MakeName().text(); }

  core::Command MakeOfGuardAndOperators(const core::Registry& registry) {
    switch (Below(9)) {
      case 0: {
        core::ReviveLeases command;
        for (uint64_t id = 1; id <= 5; ++id) {
          const core::Lease* lease = registry.FindLease(LeaseId(id));
          if (lease && OneIn(2)) command.leases.push_back({lease->id, lease->epoch});
        }
        return command;
      }
      case 1:
        return core::ReleaseGuard{OneIn(3) ? "" : MakeService()};
      case 2:
      case 3:
        return core::Tend{MakeRule()};
      case 4:
        return core::SetMaintenance{MakeOverrideTarget(), Pick({"", "ops"}), Pick({"", "kernel"}),
                                    OneIn(2) ? 0 : static_cast<int64_t>(1'000 + Below(30'000)),
                                    OneIn(3)};
      case 5:
        return core::EndMaintenance{MakeOverrideTarget()};
      case 6:
        return core::SetService{MakeService(), static_cast<uint32_t>(Below(3))};
      case 7: {
        core::SetCheckers command;
        for (uint64_t node = 1; node <= 3; ++node) {
          if (!OneIn(3)) command.nodes.push_back(NodeId(node));
        }
        return command;
      }
      default: {
        core::ReportChecks command{NodeId(1 + Below(3)), {}};
        for (uint64_t n = 1 + Below(4); n > 0; --n) {
          core::ReportChecks::Result& result = command.results.emplace_back();
          result.target = MakeTarget(registry);
          result.passed = OneIn(2);
          result.message = Pick({"", "HTTP 503"});
          const core::InstancePtr found = registry.Find(result.target.name);
          if (!found) continue;
          if (!OneIn(5)) result.target.incarnation = found->incarnation;
          result.epoch = OneIn(5) ? Revision(1) : found->facts.rare->check_epoch;
        }
        return command;
      }
    }
  }

  std::mt19937_64 random_;
  int64_t time_ms_ = 1'000'000;
};

}  // namespace registryd::testing
