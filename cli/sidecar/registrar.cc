#include "cli/sidecar/registrar.h"

#include <pthread.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/sidecar/local_address.h"

namespace registry::cli {
namespace {

constexpr std::chrono::milliseconds kLongestPause{5'000};
constexpr absl::Duration kDrainTurn = absl::Milliseconds(200);

Health ToHealth(Registrar::State state) {
  switch (state) {
    case Registrar::State::kCritical:
      return Health::kCritical;
    case Registrar::State::kDraining:
      return Health::kDraining;
    default:
      return Health::kPassing;
  }
}

}  // namespace

bool Registrar::Slot::settled() const {
  if (wanted == State::kOut) return told == State::kOut && !forget;
  return told == wanted && told_message == message && told_spec == spec &&
         (wanted != State::kDraining || acknowledged);
}

Registrar::Registrar(Options options) : options_(std::move(options)) {
  worker_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "registrar");
    Serve();
  });
}

Registrar::~Registrar() {
  LeaveAll();
  WaitSettled(absl::Seconds(1));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

void Registrar::Want(const std::string& key, const InstanceSpec& spec, State state,
                     const std::string& message) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Slot& slot = slots_[key];
    slot.spec = spec;
    slot.wanted = state;
    slot.message = message;
    slot.forget = false;
    ++slot.wants;
    slot.retry_at = {};
  }
  changed_.notify_all();
}

void Registrar::Leave(const std::string& key, const DeregisterOptions& why) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = slots_.find(key);
    if (found == slots_.end()) return;
    Slot& slot = found->second;
    slot.wanted = State::kOut;
    slot.why = why;
    slot.forget = true;
    ++slot.wants;
    slot.retry_at = {};
  }
  changed_.notify_all();
}

void Registrar::LeaveAll(const DeregisterOptions& why) {
  std::vector<std::string> keys;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [key, slot] : slots_) keys.push_back(key);
  }
  for (const std::string& key : keys) Leave(key, why);
}

// When there is something to tell; max: never, all is settled.
Registrar::Clock::time_point Registrar::Due() const {
  if (lease_renewed_anew_) return {};
  Clock::time_point due = Clock::time_point::max();
  for (const auto& [key, slot] : slots_) {
    if (!slot.settled()) due = std::min(due, slot.retry_at);
  }
  return due;
}

bool Registrar::WaitSettled(absl::Duration timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, absl::ToChronoMilliseconds(timeout), [this] { return Settled(); });
}

// The registry knows none of the instances any more but the one that the lease began with.
void Registrar::StartAnew() {
  for (auto& [key, slot] : slots_) {
    slot.told = State::kOut;
    slot.told_message.clear();
  }
  const auto [begun, forgotten] = slots_.try_emplace(lease_key_);
  if (forgotten) {
    begun->second.spec = lease_spec_;
    begun->second.forget = true;
  }
  begun->second.told = State::kPassing;
  begun->second.told_spec = lease_spec_;
}

void Registrar::Serve() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    const Clock::time_point now = Clock::now();
    if (const Clock::time_point due = Due(); due > now) {
      changed_.wait_until(lock, due);
      continue;
    }
    if (std::exchange(lease_renewed_anew_, false)) StartAnew();
    std::vector<std::string> keys;
    for (const auto& [key, slot] : slots_) {
      if (!slot.settled() && slot.retry_at <= now) keys.push_back(key);
    }
    for (const std::string& key : keys) {
      const auto found = slots_.find(key);
      if (found == slots_.end()) continue;
      Slot copy = found->second;
      lock.unlock();
      const absl::Status brought = Bring(key, &copy);
      std::string trouble(brought.message());
      // Once for each different trouble.
      if (!brought.ok() && trouble != copy.trouble && options_.note != nullptr) {
        options_.note(absl::StrCat(key, ": ", trouble));
      }
      lock.lock();
      Slot& slot = slots_[key];
      slot.told = copy.told;
      slot.told_message = copy.told_message;
      slot.told_spec = copy.told_spec;
      slot.acknowledged = copy.acknowledged;
      slot.waiting_for = copy.waiting_for;
      slot.trouble = std::move(trouble);
      if (brought.ok()) {
        slot.pause = kFirstPause;
      } else if (slot.wants == copy.wants) {
        slot.retry_at = Clock::now() + slot.pause;
        slot.pause = std::min(slot.pause * 2, kLongestPause);
      }
      if (slot.forget && slot.wanted == State::kOut && slot.told == State::kOut) slots_.erase(key);
    }
    changed_.notify_all();
  }
  lock.unlock();
  lease_ = nullptr;  // ends the lease, within its own limit
}

absl::Status Registrar::Bring(const std::string& key, Slot* slot) {
  if (client_ == nullptr) {
    auto client = Client::Create(options_.client);
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
  }
  if (slot->wanted == State::kOut) {
    if (slot->told == State::kOut) return absl::OkStatus();
    const auto gone = client_->Deregister(
        {{.ns = slot->spec.ns, .service = slot->spec.service, .id = slot->spec.id}}, slot->why);
    if (!gone.ok()) return gone.status();
    slot->told = State::kOut;
    slot->told_message.clear();
    if (options_.note) {
      options_.note(absl::StrCat(
          InstanceName(slot->spec), " left", slot->why.reason.empty() ? "" : ": ", slot->why.reason,
          slot->waiting_for.empty() ? "" : "; not acknowledged by ", slot->waiting_for));
    }
    return absl::OkStatus();
  }
  if (slot->wanted == State::kDraining && slot->told == State::kOut) {
    slot->told = State::kDraining;  // nobody knows it: there is nothing to drain
    slot->told_message = slot->message;
    slot->told_spec = slot->spec;
    slot->acknowledged = true;
    return absl::OkStatus();
  }
  if (slot->told == State::kOut || slot->told_spec != slot->spec) {
    if (absl::Status entered = Enter(key, slot); !entered.ok()) return entered;
  }
  if (slot->told == slot->wanted && slot->told_message == slot->message) {
    return slot->wanted == State::kDraining ? AskDrained(slot) : absl::OkStatus();
  }
  const auto set =
      client_->SetHealth({.ns = slot->spec.ns, .service = slot->spec.service, .id = slot->spec.id},
                         ToHealth(slot->wanted), slot->message);
  if (absl::IsNotFound(set.status())) slot->told = State::kOut;  // somebody took it out
  if (!set.ok()) return set.status();
  slot->told = slot->wanted;
  slot->told_message = slot->message;
  slot->acknowledged = false;
  return absl::OkStatus();
}

// In short turns: others drain meanwhile, and a second signal ends it soon.
absl::Status Registrar::AskDrained(Slot* slot) {
  if (admin_ == nullptr) {
    auto admin = Admin::Create(options_.client);
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
  }
  const auto result =
      admin_->Drain({.ns = slot->spec.ns, .service = slot->spec.service, .id = slot->spec.id},
                    kDrainTurn, slot->message);
  if (absl::IsNotFound(result.status())) slot->told = State::kOut;  // somebody took it out
  if (!result.ok()) return result.status();
  slot->acknowledged = result->drained;
  slot->waiting_for = WaitingFor(*result);
  return absl::OkStatus();
}

absl::Status Registrar::Enter(const std::string& key, Slot* slot) {
  InstanceSpec spec = slot->spec;
  for (Endpoint& endpoint : spec.endpoints) {
    if (!endpoint.host.empty()) continue;
    auto address = FacingAddress(client_->servers());
    if (!address.ok()) return address.status();
    endpoint.host = *address;
  }
  RegisteredInstance entered;
  if (lease_ == nullptr) {
    RegistrationOptions options;
    options.ttl = options_.ttl;
    options.on_event = [this](const RegistrationEvent& event) { OnEvent(event); };
    auto registration = client_->KeepRegistered({spec}, options);
    if (!registration.ok()) return registration.status();
    lease_ = *std::move(registration);
    lease_key_ = key;
    lease_spec_ = slot->spec;
    entered = lease_->status().instances.front();
  } else {
    const auto registered =
        client_->Register({spec}, {.ttl = options_.ttl,
                                   .owner = options_.client.name,  // as the lease began
                                   .lease_id = lease_->status().lease.id});
    if (!registered.ok()) return registered.status();
    entered = registered->instances.front();
  }
  slot->told = State::kPassing;
  slot->told_message.clear();
  slot->told_spec = slot->spec;
  if (options_.note) {
    options_.note(absl::StrCat(InstanceName(spec), " registered at ", Address(spec.endpoints[0]),
                               ", incarnation ", entered.incarnation));
  }
  return absl::OkStatus();
}

void Registrar::OnEvent(const RegistrationEvent& event) {
  if (options_.note) {
    options_.note(absl::StrCat(ToString(event.kind), event.status.ok() ? "" : ": ",
                               std::string(event.status.message())));
  }
  if (event.kind != RegistrationEvent::Kind::kRegistered) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    lease_renewed_anew_ = true;
  }
  changed_.notify_all();
}

}  // namespace registry::cli
