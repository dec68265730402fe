#include "client/src/client_core.h"

#include <utility>

#include "client/local/wall_clock.h"
#include "client/src/options.h"

namespace registry {

absl::StatusOr<std::shared_ptr<ClientCore>> ClientCore::Create(ClientOptions options) {
  auto checked = CheckOptions(std::move(options));
  if (!checked.ok()) return checked.status();
  return std::make_shared<ClientCore>(*std::move(checked));
}

ClientCore::ClientCore(ClientOptions checked)
    : options_(std::move(checked)),
      servers_(options_.servers, options_.name),
      subscriptions_(&callbacks_, UnixMillis) {}

ClientLoop& ClientCore::loop() {
  std::call_once(loop_once_, [this] {
    v1::Hello hello;
    hello.set_client_id(options_.client_id.empty() ? ids_.ClientId() : options_.client_id);
    hello.set_client_name(options_.name);
    loop_ = std::make_unique<ClientLoop>(&servers_, &ids_, timeout(), std::move(hello),
                                         &subscriptions_);
  });
  return *loop_;
}

}  // namespace registry
