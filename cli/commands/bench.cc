#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/load.h"
#include "cli/stop_signals.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] = R"(Workloads:
  lookup    asks for SERVICE again and again; changes nothing
  register  registers new instances of SERVICE, which must have none, on a lease of its own, and takes them out again
  watch     registers one instance of SERVICE, subscribes --watchers times, changes the instance and waits until
            every subscription shows it; takes it out again

It makes at most --rate calls per second. On a registry that others depend on, begin low. Ctrl-C ends it early,
and cleans up.

Examples:
  registry-cli bench lookup web
  registry-cli bench register load-test --rate 5000 --duration 30s --threads 64
  registry-cli bench watch load-test --watchers 100 --rate 10 -o json)";

constexpr uint64_t kMaxThreads = 1'024;
constexpr uint64_t kMaxWatchers = 10'000;
constexpr uint64_t kMaxRate = 10'000'000;

struct Options {
  std::string workload;
  std::string service;
  std::string threads = "8";
  std::string rate = "1000";
  std::string duration = "10s";
  std::string watchers = "10";
};

// What the workloads have in common.
struct Bench {
  Session& session;
  const StopSignals& signals;
  Client& client;
  ServiceName service;
  LoadOptions load;
  uint64_t watchers;

  LoadResult Run(const std::string& what, const Load::Call& call) {
    return Load(load).Run(call, [&](const LoadResult& so_far) {
      session.console().Note(LoadText(what, so_far));
      return signals.Wait(absl::ZeroDuration());
    });
  }
  ExitCode Report(const std::string& what, const LoadResult& result) {
    Console& console = session.console();
    const ExitCode code = result.calls > 0 ? ExitCode::kOk : ExitCodeOf(result.first_error);
    return console.Print(
        session.json() ? LoadJson(what, result) : absl::StrCat(LoadText(what, result), "\n"),
        result.errors == 0 ? code : ExitCode::kError);
  }
  InstanceSpec Spec(uint64_t n) const {
    InstanceSpec spec;
    spec.ns = service.ns;
    spec.service = service.service;
    spec.id = absl::StrCat("bench-", n);
    spec.endpoints = {{"http", "192.0.2.1", 80, "http"}};  // of the block that is for documentation
    return spec;
  }
  // A load must not be mistaken for instances that serve.
  absl::Status CheckUnused() {
    LookupQuery query;
    query.ns = service.ns;
    query.service = service.service;
    query.health = {Health::kPassing, Health::kSuspect, Health::kCritical, Health::kDraining};
    absl::StatusOr<LookupResult> found = client.Lookup(query);
    if (!found.ok()) return found.status();
    if (found->instances.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("service ", service.ns, "/", service.service,
                                                      " has ", found->instances.size(),
                                                      " instances: name one that has none"));
  }
};

ExitCode RunLookup(Bench& bench) {
  LookupQuery query;
  query.ns = bench.service.ns;
  query.service = bench.service.service;
  return bench.Report(
      "lookup", bench.Run("lookup", [&](uint64_t) { return bench.client.Lookup(query).status(); }));
}

ExitCode RunRegister(Bench& bench) {
  if (absl::Status unused = bench.CheckUnused(); !unused.ok()) {
    return bench.session.console().Fail(unused);
  }
  // Nobody renews it: should this process die, its instances turn critical after this time.
  GrantLeaseOptions grant;
  grant.ttl = std::min(bench.load.duration + absl::Minutes(1), absl::Hours(1));
  grant.owner = "registry-cli bench";
  absl::StatusOr<Lease> lease = bench.client.GrantLease(grant);
  if (!lease.ok()) return bench.session.console().Fail(lease.status());
  RegisterOptions options;
  options.lease_id = lease->id;
  options.owner = grant.owner;
  const LoadResult result = bench.Run("register", [&](uint64_t n) {
    return bench.client.Register({bench.Spec(n)}, options).status();
  });
  absl::StatusOr<RevokeResult> revoked = bench.client.RevokeLease(lease->id, lease->epoch);
  if (!revoked.ok()) return bench.session.console().Fail(revoked.status());
  return bench.Report("register", result);
}

ExitCode RunWatch(Bench& bench) {
  Console& console = bench.session.console();
  if (absl::Status unused = bench.CheckUnused(); !unused.ok()) return console.Fail(unused);
  RegisterOptions options;
  options.permanent = true;
  absl::StatusOr<RegisterResult> registered = bench.client.Register({bench.Spec(0)}, options);
  if (!registered.ok()) return console.Fail(registered.status());
  WatchQuery query;
  query.ns = bench.service.ns;
  query.service = bench.service.service;
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  absl::Status ready;
  for (uint64_t i = 0; ready.ok() && i < bench.watchers; ++i) {
    auto subscription = bench.client.Subscribe(query);
    ready = subscription.status();
    if (ready.ok()) subscriptions.push_back(*std::move(subscription));
  }
  for (const auto& subscription : subscriptions) {
    if (ready.ok()) ready = subscription->WaitReady(absl::Seconds(30));
  }
  InstanceUpdate update;
  update.instance = {bench.service.ns, bench.service.service, bench.Spec(0).id};
  LoadResult result;
  if (ready.ok()) {
    bench.load.threads = 1;  // one change after the other
    result = bench.Run("watch", [&](uint64_t n) {
      update.weight = static_cast<uint32_t>(2 + n % 60'000);
      absl::StatusOr<ChangeResult> changed = bench.client.Update(update);
      absl::Status status = changed.status();
      for (const auto& subscription : subscriptions) {
        if (status.ok()) status = subscription->WaitRevision(changed->revision, absl::Seconds(30));
      }
      return status;
    });
  }
  subscriptions.clear();
  absl::StatusOr<DeregisterResult> gone = bench.client.Deregister({update.instance});
  if (!ready.ok()) return console.Fail(ready);
  if (!gone.ok()) return console.Fail(gone.status());
  return bench.Report("watch", result);
}

ExitCode Run(const Options& options, Session& session) {
  const StopSignals signals;
  Console& console = session.console();
  absl::StatusOr<ServiceName> service = ParseServiceName(options.service, session.ns());
  if (!service.ok()) return console.Usage(service.status());
  LoadOptions load;
  uint64_t watchers = 0;
  uint64_t rate = 0;
  struct Number {
    const char* name;
    const std::string& text;
    uint64_t least;
    uint64_t most;
    uint64_t* value;
  };
  for (const Number& number :
       {Number{"--threads", options.threads, 1, kMaxThreads, &load.threads},
        Number{"--rate", options.rate, 0, kMaxRate, &rate},
        Number{"--watchers", options.watchers, 1, kMaxWatchers, &watchers}}) {
    absl::StatusOr<uint64_t> value = ParseNumber(number.text, number.least, number.most);
    if (!value.ok()) {
      return console.Usage(absl::StrCat(number.name, " ", std::string(value.status().message())));
    }
    *number.value = *value;
  }
  load.rate = static_cast<double>(rate);
  absl::StatusOr<absl::Duration> duration = ParsePositiveDuration(options.duration);
  if (!duration.ok()) return console.Usage(WrongFlag("--duration", duration.status()));
  load.duration = *duration;
  absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return console.Usage(client.status());
  Bench bench{session, signals, **client, *service, load, watchers};
  if (options.workload == "lookup") return RunLookup(bench);
  return options.workload == "register" ? RunRegister(bench) : RunWatch(bench);
}

}  // namespace

void AddBench(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("bench", "Measure lookups, registrations or watches against a registry");
  command->add_option("workload", options->workload, "What to do")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>{"lookup", "register", "watch"}));
  command->add_option("service", options->service, "SERVICE or NAMESPACE/SERVICE")->required();
  command->add_option("--threads", options->threads, "Calls under way at once")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--rate", options->rate, "Most calls per second; 0: no limit")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--duration", options->duration, "How long")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--watchers", options->watchers, "Subscriptions of watch")
      ->type_name("N")
      ->capture_default_str();
  command->footer(kFooter);
  command->callback([options, action] {
    *action = [options](Session& session) { return Run(*options, session); };
  });
}

}  // namespace registry::cli
