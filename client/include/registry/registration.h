// Registration: keeps instances registered for as long as it lives.
//
//   registry::RegistrationOptions options;
//   options.on_event = [](const auto& event) { Log(registry::ToString(event.kind)); };
//   auto registration = client->KeepRegistered({spec}, options);
//   if (!registration.ok()) return registration.status();
//   Serve();                                                     // found by everybody
//   absl::Status known = (*registration)->Drain(absl::Seconds(5));     // nobody calls any more
//   absl::Status gone = (*registration)->Deregister();         // or let the destructor do it
//
// The lease is renewed every ttl / 3 as the registry advises. All registrations of a Client share
// one thread and one stream, and one frame carries all their leases. When the stream breaks or
// stays silent, the next server is tried: at once after a working one, then with jittered backoff
// from 100 ms to 2 s, sooner while the lease is in danger. A restart of the registry does not end a
// lease. When the registry says that the lease is lost, the instances are registered again with a
// new lease and new incarnations; this never ends while the Registration lives. All of it runs on
// the steady clock: steps of the system's time change nothing.
//
// What the instances say of themselves (Update, SetHealth, Drain) is remembered: after a lost lease
// they are registered again with it.
//
// A stop without a failed call: Drain, which returns when the callers know; finish the calls under
// way; Deregister.
//
// Threads: methods may be called from any thread. `on_event` is called on the Client's loop thread,
// one call at a time and without locks; it must return quickly (renewals of all registrations wait
// for it) and must not destroy a Registration or the Client.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/types.h"

namespace registry {

struct RegistrationEvent {
  enum class Kind {
    kRegistered,   // registered again after kLost, or for the first time with `keep_trying`
    kLost,         // the registry does not know the lease any more; registering again
    kRefused,      // the registry refuses to register again (see `status`); still trying
    kUnreachable,  // no server takes the renewals (see `status`); still trying. Once per outage
    kReachable,    // the renewals are taken again
  };
  Kind kind = Kind::kRegistered;
  absl::Status status = {};  // why; OK for kRegistered and kReachable
};

// "registered", "lost", "refused", "unreachable", "reachable"
const char* ToString(RegistrationEvent::Kind kind);

// What a health callback says.
struct HealthReport {
  Health health = Health::kPassing;  // kPassing, kCritical or kDraining
  std::string message = {};          // for people, up to 256 characters
};

struct RegistrationOptions {
  absl::Duration ttl = absl::Seconds(6);  // 2 s to 1 h: how long silence is tolerated
  std::string owner = {};                 // for people to read; empty: the Client's name
  // Where the registry cannot be reached by the first call: go on trying in the background instead
  // of failing. Errors that a retry cannot mend (INVALID_ARGUMENT...) fail all the same.
  bool keep_trying = false;
  // Limit of Deregister and of the destructor. The destructor may take so long when the registry is
  // down.
  absl::Duration deregister_timeout = absl::Seconds(1);
  std::function<void(const RegistrationEvent&)> on_event = {};
  // Asked every `health_every`; what it says is told to the registry when it changes. Runs on the
  // Client's callback thread, where it holds up other callbacks but no renewal.
  std::function<HealthReport()> health_check = {};
  absl::Duration health_every = absl::Seconds(5);
};

struct RegistrationStatus {
  bool registered = false;  // as far as this client knows
  bool reachable = false;   // the last renewal frame was taken, or none was due yet
  Lease lease = {};         // id 0 before the first registration (keep_trying)
  std::vector<RegisteredInstance> instances = {};  // in the order of the specs
  uint64_t renewals = 0;                           // answered ones, of all leases so far
  uint64_t lost = 0;                               // how often the lease was lost
  absl::Duration since_renewal = {};               // since the lease was last granted or renewed
};

class RenewalEntry;
class ClientCore;

class Registration {
 public:
  // Deregisters, unless Deregister was called, within `deregister_timeout`. Where that fails the
  // lease runs out by itself. No event is delivered after it returns.
  ~Registration();
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  // Stops the renewals and takes the instances out. Later calls return the same status. Instances
  // that another owner has registered since stay.
  absl::Status Deregister();

  RegistrationStatus status() const;

  // The specs with their ids, in the order given, with what Update has changed.
  std::vector<InstanceSpec> specs() const;

  // Changes parts of one of the instances (`update.instance` is not used). From then on it is
  // registered so, also with a new lease. INVALID_ARGUMENT, PERMISSION_DENIED, and
  // FAILED_PRECONDITION for another `expected_revision`: nothing has changed. Any other error: the
  // registry has not answered; it is told again in the background until it has.
  absl::Status Update(const InstanceUpdate& update, size_t index = 0);

  // What the instances say of themselves: kPassing, kCritical or kDraining. It is said again after
  // a lost lease, and in the background where the registry does not answer. FAILED_PRECONDITION:
  // kDraining would leave a service below its min_healthy, and `force` is not given.
  absl::Status SetHealth(Health health, const std::string& message = "", bool force = false);

  // Turns the instances DRAINING and waits, `within` at most, until every live subscriber of their
  // services has acknowledged that: from then on no caller that watches sends them anything new.
  // They stay DRAINING, and registered, whatever it returns; `health_check` is not asked any more.
  // OK: everybody knows (promise G7). DEADLINE_EXCEEDED names who has not acknowledged. Where the
  // registry cannot be asked: its error, after `within` and the Client's `timeout` at the latest; it
  // is told in the background. FAILED_PRECONDITION: a service would fall below its min_healthy, and
  // `force` is not given. Not to be called by `on_event` or `health_check`.
  absl::Status Drain(absl::Duration within, const std::string& message = "", bool force = false);

 private:
  friend class Client;
  struct Ending;
  Registration(std::shared_ptr<ClientCore> core, std::shared_ptr<RenewalEntry> entry);

  std::shared_ptr<ClientCore> core_;
  std::shared_ptr<RenewalEntry> entry_;
  std::unique_ptr<Ending> ending_;
};

}  // namespace registry
