#include "client/local/subscriptions.h"

#include <algorithm>
#include <utility>

#include "client/local/view_file.h"

namespace registry {
namespace {

constexpr Millis kBetweenSaves(1'000);

}  // namespace

absl::Status CheckQuery(const WatchQuery& query) {
  if (!query.service.empty() && !query.prefix.empty()) {
    return absl::InvalidArgumentError(
        "service and prefix exclude each other: a watch is of one service, or of all whose names "
        "begin with the prefix");
  }
  return absl::OkStatus();
}

Subscriptions::StatePtr Subscriptions::Add(WatchQuery query, SubscriptionOptions options) {
  auto state = std::make_shared<SubscriptionState>(std::move(query), std::move(options));
  if (const std::string& file = state->options().cache_file; !file.empty()) {
    const absl::StatusOr<StoredView> stored = ReadViewFile(file, state->query());
    if (stored.ok()) {
      // A clock that was set back since must not make the view younger than it can be.
      const int64_t age_ms = std::max<int64_t>(0, unix_ms_() - stored->written_ms);
      state->Restore(stored->view, absl::Milliseconds(age_ms));
      Published(state);
    } else if (!absl::IsNotFound(stored.status())) {
      state->SetCache(stored.status());
    }
  }
  loop_->Post([this, state] { watches_->Add(state); });
  return state;
}

void Subscriptions::Remove(const StatePtr& state) {
  if (guard_.forked()) return;  // the loop is the parent's
  loop_->RunAndWait([this, state] { watches_->Remove(state); });
  callbacks_->Remove(state.get());
  if (!state->options().cache_file.empty() && state->status().ready) Save(state);
}

void Subscriptions::Published(const StatePtr& state) {
  if (state->options().on_change) {
    callbacks_->Schedule(state.get(), kDeliver, Clock::now(), [this, state] {
      const uint64_t revision = state->Deliver();
      loop_->Post([this, state, revision] { watches_->Applied(state, revision); });
    });
  }
  if (!state->options().cache_file.empty() && !state->status().from_cache) {
    callbacks_->Schedule(state.get(), kSave, Clock::now() + kBetweenSaves,
                         [this, state] { Save(state); });
  }
}

void Subscriptions::Save(const StatePtr& state) {
  const SubscriptionStatus status = state->status();
  if (status.from_cache) return;  // it is what the file has
  state->SetCache(WriteViewFile(state->options().cache_file, state->query(), *state->view(),
                                unix_ms_() - absl::ToInt64Milliseconds(status.age)));
}

Subscription::Subscription(std::shared_ptr<Subscriptions> owner,
                           std::shared_ptr<SubscriptionState> state)
    : owner_(std::move(owner)), state_(std::move(state)) {}

Subscription::~Subscription() {
  if (owner_ != nullptr) owner_->Remove(state_);
}

const WatchQuery& Subscription::query() const { return state_->query(); }

ViewPtr Subscription::view() const { return state_->view(); }

absl::Status Subscription::WaitReady(absl::Duration timeout) const {
  return state_->WaitReady(timeout);
}

absl::Status Subscription::WaitRevision(uint64_t revision, absl::Duration timeout) const {
  return state_->WaitRevision(revision, timeout);
}

SubscriptionStatus Subscription::status() const { return state_->status(); }

}  // namespace registry
