// What the workloads share: options, the servers (started when the first workload wants them), and
// the comparison of several servers in alternation.
//
//   bench.Compare("lookup of 10 instances, 64 outstanding", {
//       {&bench.nothing().server(), [&](double seconds) { return load.Unary(..., seconds); }},
//       {&bench.registryd(), ...}});
//
// Round -1 warms up. Threads: one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/load.h"
#include "tests/bench/report.h"
#include "tests/bench/servers.h"
#include "tests/bench/storm.h"
#include "tests/bench/zookeeper_load.h"
#include "tests/support/temp_dir.h"

namespace registryd::bench {

struct Options {
  bool smoke = false;
  bool peers = false;  // etcd and ZooKeeper too
  double seconds = 2.0;
  int rounds = 5;
  size_t largest = 1'000'000;  // instances, of the workloads that grow
  std::string out;
  std::vector<std::string> workloads;
};

// One server in a comparison. `items`: what one operation counts for (instances of a batch, leases
// of a frame, messages of a fan-out).
struct Side {
  const Server* server;
  std::function<Measured(double seconds)> run;
  double items = 1;
  bool peer = false;  // etcd or ZooKeeper
};

class Bench {
 public:
  explicit Bench(Options options);
  ~Bench();

  const Options& options() const { return options_; }
  Report& report() { return report_; }
  const std::string& dir() const { return dir_.path(); }

  void Compare(const std::string& workload, const std::vector<Side>& sides);

  // One member and three. Abort the bench when they do not start.
  const Server& registryd();
  const Server& registryd3();     // clients ask the leader
  Server FollowerOfRegistryd3();  // the same processes, asked through a member that does not lead
  // nullptr: not wanted, or not installed.
  const Server* etcd(size_t members = 1);
  const Server* zookeeper(size_t members = 1);
  // A new one each time, which answers with so many bytes; it lives until the next.
  const Server& Nothing(const std::map<std::string, size_t>& sizes);
  // Stops everything that runs, so that it is neither in the memory nor in the way of what follows.
  void StopServers();

 private:
  struct Running;
  const Options options_;
  Report report_;
  testing::TempDir dir_;
  size_t started_ = 0;
  std::unique_ptr<Running> running_;
};

// Data that all servers get alike: an instance as registryd's message, and the same bytes as a
// value of the others.
constexpr uint64_t kLease = 4711;
std::string InstanceId(uint64_t n);
// `count` instances, numbered from `first`, in one call. `lease` 0: permanent.
std::string RegisterMessage(const std::string& service, uint64_t first, size_t count,
                            uint64_t lease = kLease, size_t data_bytes = 0);
// A message of registryd's watch, where each change gives its instance its number as weight.
Seen ReadWatch(std::string_view message);
std::string SpecValue(const std::string& service, uint64_t n);

// The methods of registryd that are driven.
inline constexpr char kLookup[] = "/registry.v1.Discovery/Lookup";
inline constexpr char kBatchLookup[] = "/registry.v1.Discovery/BatchLookup";
inline constexpr char kRegister[] = "/registry.v1.Registration/Register";
inline constexpr char kDeregister[] = "/registry.v1.Registration/Deregister";
inline constexpr char kUpdate[] = "/registry.v1.Registration/Update";
inline constexpr char kGrant[] = "/registry.v1.Lease/Grant";
inline constexpr char kKeepAlive[] = "/registry.v1.Lease/KeepAlive";
inline constexpr char kEtcdRange[] = "/etcdserverpb.KV/Range";
inline constexpr char kEtcdPut[] = "/etcdserverpb.KV/Put";
inline constexpr char kEtcdDelete[] = "/etcdserverpb.KV/DeleteRange";
inline constexpr char kEtcdTxn[] = "/etcdserverpb.KV/Txn";
inline constexpr char kEtcdGrant[] = "/etcdserverpb.Lease/LeaseGrant";
inline constexpr char kEtcdKeepAlive[] = "/etcdserverpb.Lease/LeaseKeepAlive";
inline constexpr char kEtcdWatch[] = "/etcdserverpb.Watch/Watch";

// Lookups at a rate, whatever else goes on; `service` names the one of the n-th.
Measured LookupsAt(Load& load, double per_second, double seconds,
                   const std::function<std::string(uint64_t n)>& service);

// One function per group; they add to the report.
void Lookups(Bench& bench);
void Registrations(Bench& bench);
void Batches(Bench& bench);
void Renewals(Bench& bench);
void Watches(Bench& bench);
void Storms(Bench& bench);    // many changes to many watchers
void Mixed(Bench& bench);     // a data centre on an ordinary day
void Security(Bench& bench);  // plain text, certificates, tokens
void Expiries(Bench& bench);  // many leases that fall silent at once
void Growths(Bench& bench);   // restart time and memory over the number of instances

}  // namespace registryd::bench
