// Client: registers instances with the registry and finds those of others.
//
//   auto client = registry::Client::Create();  // servers from REGISTRY_SERVER, or 127.0.0.1:7400
//   if (!client.ok()) return client.status();
//   registry::LookupQuery query;
//   query.service = "web";
//   auto web = (*client)->Lookup(query);
//   if (!web.ok()) return web.status();
//   for (const registry::Instance& instance : web->instances) Connect(instance.spec.endpoints[0]);
//
// A service that wants to be found and to stay found uses KeepRegistered (registration.h); Register
// is for one call. Who asks for the same service again and again, or wants to be told of changes,
// uses Subscribe (subscription.h).
//
// Threads: every method may be called from any thread at any time. Calls block, and connections are
// made by the first of them. A Client has no thread of its own until the first KeepRegistered or
// Subscribe, then exactly one for all registrations and subscriptions, "registry-loop"; and a
// second one, "registry-call", from the first callback or cache file on. (gRPC has a few more,
// which it shares between all its users in a process.) Create one Client for a process and keep it.
// Do not use in a child process what was created before fork(): create a new Client there.
//
// Retries: a call is repeated until `timeout` when the answer is UNAVAILABLE, ABORTED or
// RESOURCE_EXHAUSTED, or when one of several servers stays silent for half of the time left, on the
// next server, with backoff and jitter. All tries of one call carry the same request id, so a write
// is applied once, whatever happens to its answers.
//
// Errors: INVALID_ARGUMENT names the field; NOT_FOUND the absent instance or lease;
// FAILED_PRECONDITION an older incarnation, another revision or a foreign lease; UNAVAILABLE,
// ABORTED, RESOURCE_EXHAUSTED and DEADLINE_EXCEEDED come after the last try; INTERNAL is an answer
// that makes no sense. The message names the servers and what to do. No exceptions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry/metrics.h"
#include "registry/registration.h"
#include "registry/subscription.h"
#include "registry/types.h"

namespace registry {

struct ClientOptions {
  // "host:port" of 1 to 16 nodes, in order of preference; the port may be left out (7400), IPv6 is
  // "[::1]:7400". "dns:///registry.internal" stands for all addresses of a name: each call goes to
  // the next of them, and a stream to one. Empty: those of the environment variable REGISTRY_SERVER
  // (comma-separated), else 127.0.0.1:7400.
  std::vector<std::string> servers = {};
  // For one call with all its tries. At least 1 ms.
  absl::Duration timeout = absl::Seconds(5);
  // Who is calling, for the registry's logs ("web-frontend"); sent as gRPC user agent. Printable
  // ASCII.
  std::string name = "registry-client";
  // Who watches, for the registry: the same over reconnects and, where it is given, over restarts
  // of the process. A drain waits for the acknowledgements of each client id. Up to 128 printable
  // ASCII characters; must be unique. Empty: random.
  std::string client_id = {};
  // Counts what the client does (metrics.h); outlives it. Null: nobody counts.
  ClientMetrics* metrics = nullptr;
  // TLS: who signed the certificates of the registry's nodes (PEM file). Empty: REGISTRY_TLS_CA;
  // where that is empty too, connections are plaintext. Certificate and key are shown to the
  // registry as who this client is; so is the token, a JSON Web Token. Both need tls_ca. Empty:
  // REGISTRY_TLS_CERT, REGISTRY_TLS_KEY, REGISTRY_TOKEN_FILE. All files are read again when they
  // change.
  std::string tls_ca = {};
  std::string tls_cert = {};
  std::string tls_key = {};
  std::string token_file = {};
};

// Before a server: all addresses of that name.
inline constexpr char kDnsScheme[] = "dns:///";

// "a, b:7401,[::1]" -> {"a:7400", "b:7401", "[::1]:7400"}. INVALID_ARGUMENT names the bad part.
absl::StatusOr<std::vector<std::string>> ParseServers(const std::string& comma_separated);

struct RegisterOptions {
  absl::Duration ttl = absl::Seconds(6);  // 2 s to 1 h
  bool permanent = false;  // no lease: the instances stay until somebody deregisters them
  std::string owner = {};  // who holds the lease, for people to read; up to 128 characters
  // When not 0: attach to this lease, which must exist (NOT_FOUND); `ttl` is not used then.
  uint64_t lease_id = 0;
};

struct GrantLeaseOptions {
  absl::Duration ttl = absl::Seconds(6);
  std::string owner = {};
  uint64_t lease_id = 0;  // 0: a random one
};

struct DeregisterOptions {
  std::string reason = {};  // for people, kept in the history; up to 256 characters
  // The caller has seen the processes end, and says how in `reason`: "process exited 137".
  bool process_exit = false;
  bool force = false;  // although a service falls below its min_healthy; the history says so
};

class ClientCore;  // connections, ids, the renewal thread; in src/

class Client {
 public:
  // Does not connect. INVALID_ARGUMENT: an option or REGISTRY_SERVER is wrong.
  static absl::StatusOr<std::unique_ptr<Client>> Create(ClientOptions options = {});

  // Registrations and Subscriptions may outlive the Client.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The instances of one service. An unknown service has no instances; that is not an error.
  absl::StatusOr<LookupResult> Lookup(const LookupQuery& query);

  // One page. While `next_page_token` is not empty, ask again with it as `page_token`.
  absl::StatusOr<ServicesPage> ListServicesPage(const ListServicesQuery& query);
  absl::StatusOr<InstancesPage> ListInstancesPage(const ListInstancesQuery& query);

  // All pages from `page_token` on. Each page has its own `timeout` and is at the revision of the
  // page before or a later one; `info` is the last page's. ABORTED: the registry was restored
  // meanwhile, begin again.
  absl::StatusOr<ServicesPage> ListServices(const ListServicesQuery& query);
  absl::StatusOr<InstancesPage> ListInstances(const ListInstancesQuery& query);

  // Makes 1 to 1,000 instances of together at most 4 MiB known, all or nothing. Nobody renews the
  // lease: use KeepRegistered for that.
  absl::StatusOr<RegisterResult> Register(const std::vector<InstanceSpec>& specs,
                                          const RegisterOptions& options = {});

  // Makes the instances (1 to 1,000) known and keeps them so until the Registration is destroyed.
  // All have one lease.
  absl::StatusOr<std::unique_ptr<Registration>> KeepRegistered(
      const std::vector<InstanceSpec>& specs, const RegistrationOptions& options = {});

  // A live picture of one service or of many. Does not wait for it: see Subscription::WaitReady.
  // INVALID_ARGUMENT: the query contradicts itself. What the registry refuses, WaitReady returns.
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(const WatchQuery& query,
                                                          const SubscriptionOptions& options = {});

  // Takes 1 to 1,000 instances out. An absent one is not an error: see `removed`.
  absl::StatusOr<DeregisterResult> Deregister(const std::vector<InstanceRef>& instances,
                                              const DeregisterOptions& options = {});

  absl::StatusOr<ChangeResult> Update(const InstanceUpdate& update);

  // What an instance says of itself: kPassing, kCritical or kDraining, with up to 256 characters
  // for people. FAILED_PRECONDITION: kDraining would leave its service below min_healthy, and
  // `force` is not given.
  absl::StatusOr<ChangeResult> SetHealth(const InstanceRef& instance, Health health,
                                         const std::string& message = "", bool force = false);

  // A lease without instances. Repeating it with the same id, ttl and owner gives the same lease.
  absl::StatusOr<Lease> GrantLease(const GrantLeaseOptions& options = {});

  // Ends a lease and deregisters its instances. `epoch`, when not 0: refuse unless it is the
  // lease's present one.
  absl::StatusOr<RevokeResult> RevokeLease(uint64_t lease_id, uint64_t epoch = 0);

  // The servers that this client knows, "host:port" each.
  const std::vector<std::string>& servers() const;

 private:
  explicit Client(std::shared_ptr<ClientCore> core);

  std::shared_ptr<ClientCore> core_;
};

}  // namespace registry
