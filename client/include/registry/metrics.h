// ClientMetrics: what an application overrides to count what the library does, with whatever it
// counts with. Nothing is linked for it.
//
//   class MyMetrics : public registry::ClientMetrics {
//     void OnPick(const registry::Instance* instance) override { picks_.Increment(); }
//   };
//   MyMetrics metrics;                                   // outlives the Client and its Pickers
//   options.metrics = &metrics;
//
// Threads: the one that does what is counted, several at once; must be quick and must not call
// back. Without a hook nothing of this costs anything.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/types.h"

namespace registry {

struct SubscriptionStatus;
struct WatchQuery;

class ClientMetrics {
 public:
  virtual ~ClientMetrics() = default;

  // A call to the registry with all its tries: "Lookup", "Register"...
  virtual void OnRequest(const char* /*method*/, absl::StatusCode /*code*/,
                         absl::Duration /*latency*/) {}
  // Null: there was none to pick.
  virtual void OnPick(const Instance* /*instance*/) {}
  // A picked call is done.
  virtual void OnOutcome(const Instance& /*instance*/, bool /*ok*/, absl::Duration /*latency*/) {}
  virtual void OnEjection(const Instance& /*instance*/) {}
  // A subscription was heard of: `status.age` is how old its view is, `status.live` whether it is
  // the registry's present one. With every message of the registry about it (about once a second),
  // and with every failed connection.
  virtual void OnView(const WatchQuery& /*query*/, const SubscriptionStatus& /*status*/) {}
};

}  // namespace registry
