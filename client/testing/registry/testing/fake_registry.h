// FakeRegistry: a registry inside a unit test. The rules are the real ones (it runs the daemon's
// own state machine, in memory); what is not there is the disk, the cluster and the silence of
// leases: a lease ends when the test says so.
//
//   registry::FakeRegistry fake;
//   auto client = registry::Client::Create(fake.options());
//   fake.Put("web", "a", "10.0.0.1", 8080);
//   auto found = (*client)->Lookup({.service = "web"});            // finds it
//   fake.ExpireLeases();                           // what a client's long silence does
//   fake.Stop();  ...  fake.Start();               // a restart: the state stays
//
// It listens on 127.0.0.1, on a port of the kernel's choice, and speaks registry.v1: everything a
// Client does goes the whole way, drains and their acknowledgements too. Link registry::testing.
//
// Threads: any. Aborts where it cannot listen.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "registry/client.h"

namespace registry {

class FakeRegistry {
 public:
  FakeRegistry();
  ~FakeRegistry();
  FakeRegistry(const FakeRegistry&) = delete;
  FakeRegistry& operator=(const FakeRegistry&) = delete;

  std::string address() const;    // "127.0.0.1:port"
  ClientOptions options() const;  // with this server

  // A permanent instance, as if somebody had registered it. The revision that it made; aborts where
  // the rules forbid it.
  uint64_t Put(const std::string& service, const std::string& id, const std::string& host,
               uint32_t port);
  uint64_t Put(const InstanceSpec& spec);
  // Takes it out. The registry's revision.
  uint64_t Remove(const std::string& service, const std::string& id);

  // All leases end as by silence: their instances turn CRITICAL, their owners are told "lost".
  void ExpireLeases();

  // Streams and calls end with UNAVAILABLE; a client finds nobody there until Start.
  void Stop();
  void Start();

  uint64_t revision() const;
  std::vector<Instance> instances() const;  // all, sorted by name

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace registry
