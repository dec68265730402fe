#include "client/src/client_core.h"

#include <utility>

#include "client/local/wall_clock.h"
#include "client/src/channel_credentials.h"
#include "client/src/options.h"

namespace registry {

absl::StatusOr<std::shared_ptr<ClientCore>> ClientCore::Create(ClientOptions options) {
  auto checked = CheckOptions(std::move(options));
  if (!checked.ok()) return checked.status();
  // In a forked child its threads cannot be joined: it is left to the end of the process.
  return std::shared_ptr<ClientCore>(new ClientCore(*std::move(checked)), [](ClientCore* core) {
    if (!core->forked()) delete core;
  });
}

ClientCore::ClientCore(ClientOptions checked)
    : options_(std::move(checked)),
      servers_(options_.servers, options_.name, MakeCredentials(options_)),
      subscriptions_(&callbacks_, UnixMillis) {
  servers_.SetMetrics(options_.metrics);
}

ClientLoop& ClientCore::loop() {
  std::call_once(loop_once_, [this] {
    v1::Hello hello;
    hello.set_client_id(options_.client_id.empty() ? ids_.ClientId() : options_.client_id);
    hello.set_client_name(options_.name);
    loop_ = std::make_unique<ClientLoop>(&servers_, &ids_, timeout(), std::move(hello),
                                         &subscriptions_, options_.metrics);
  });
  return *loop_;
}

}  // namespace registry
