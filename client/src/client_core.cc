#include "client/src/client_core.h"

#include <utility>

#include "client/src/options.h"

namespace registry {

absl::StatusOr<std::shared_ptr<ClientCore>> ClientCore::Create(ClientOptions options) {
  auto checked = CheckOptions(std::move(options));
  if (!checked.ok()) return checked.status();
  return std::make_shared<ClientCore>(*std::move(checked));
}

ClientCore::ClientCore(ClientOptions checked)
    : options_(std::move(checked)), servers_(options_.servers, options_.name) {}

RenewalLoop& ClientCore::renewals() {
  std::call_once(renewals_once_, [this] {
    renewals_ = std::make_unique<RenewalLoop>(&servers_, &ids_, timeout());
  });
  return *renewals_;
}

}  // namespace registry
