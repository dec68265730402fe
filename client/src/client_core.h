// What a Client, an Admin, their Registrations and Subscriptions share. Lives as long as the last
// of them. Thread-safe.
//
// The loop's thread is started by the first use of loop() or Subscribe; a client that only looks up
// never has one.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <random>

#include "absl/status/statusor.h"
#include "client/local/callback_thread.h"
#include "client/local/fork_guard.h"
#include "client/local/subscriptions.h"
#include "client/src/client_loop.h"
#include "client/src/request_ids.h"
#include "client/src/server_set.h"
#include "registry/client.h"

namespace registry {

class ClientCore {
 public:
  static absl::StatusOr<std::shared_ptr<ClientCore>> Create(ClientOptions options);

  explicit ClientCore(ClientOptions checked);

  const ClientOptions& options() const { return options_; }
  Clock::duration timeout() const { return ToSteady(options_.timeout); }
  ServerSet& servers() { return servers_; }
  RequestIds& ids() { return ids_; }
  ClientLoop& loop();
  CallbackThread& callbacks() { return callbacks_; }
  Subscriptions& subscriptions() { return subscriptions_; }

  // This is a child that fork() made: nothing of it works, and nothing of it is to be undone.
  bool forked() const { return guard_.forked(); }

 private:
  const ForkGuard guard_;
  const ClientOptions options_;
  ServerSet servers_;
  RequestIds ids_;
  CallbackThread callbacks_;
  Subscriptions subscriptions_;
  std::once_flag loop_once_;
  std::unique_ptr<ClientLoop> loop_;  // last: its thread uses the members above
};

}  // namespace registry
