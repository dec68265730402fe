// Picker: chooses an instance for each call, from a live view, and learns from the outcomes.
//
//   registry::Picker picker(*subscription);           // PickerOptions: policy, ejection, ...
//   registry::Picked picked = picker.Pick();
//   if (!picked) return absl::UnavailableError(registry::ToString(picked.failure()));
//   const auto begin = std::chrono::steady_clock::now();
//   const bool ok = Call(picked.endpoint());
//   picked.Done(ok, absl::FromChrono(std::chrono::steady_clock::now() - begin));
//
// PASSING instances are picked. SUSPECT ones too where fewer than `panic_share` of both are
// PASSING: a registry that loses sight of many at once must not send all the traffic to the few
// others.
//
// Threads: Pick and Done from any thread, lock-free and without allocation (docs/client.md has what
// they cost). Changes of the view do not hold up a pick. A Picker
// has no thread. A Picked may outlive its Picker, and its instance stays valid as long as it lives,
// also when the registry has taken it out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "registry/circuit_breaker.h"
#include "registry/metrics.h"
#include "registry/outlier_ejection.h"
#include "registry/policy.h"
#include "registry/time_source.h"
#include "registry/view.h"

namespace registry {

class Subscription;

struct PickerOptions {
  PolicyPtr policy = {};  // null: LeastRequests()
  // Instances that fail are left out for a while.
  std::optional<OutlierEjectionOptions> ejection = OutlierEjectionOptions{};
  // One breaker for each instance, and one for the service as a whole.
  std::optional<CircuitBreakerOptions> instance_breaker = {};
  std::optional<CircuitBreakerOptions> service_breaker = {};
  double panic_share = 0.5;  // Envoy healthy_panic_threshold: 50 %
  ClientMetrics* metrics = nullptr;
  const TimeSource* time = TimeSource::Steady();
};

enum class PickFailure {
  kNone,
  kNoInstances,  // the view has none that can be used
  kCircuitOpen,  // the breaker of the service, or those of all instances that were looked at
};

// "no instances", "circuit open"; "none" for kNone.
const char* ToString(PickFailure failure);

struct PickTarget;
class PickerCore;

// One pick. Movable; report its outcome once, or drop it where the call was not made.
class Picked {
 public:
  Picked() = default;
  Picked(Picked&& other) noexcept
      : target_(std::exchange(other.target_, nullptr)), failure_(other.failure_) {}
  Picked& operator=(Picked&& other) noexcept;
  ~Picked() {
    if (target_ != nullptr) Drop();
  }

  explicit operator bool() const { return target_ != nullptr; }
  // kNone: there is an instance.
  PickFailure failure() const { return failure_; }

  // Only where there is one, and before Done.
  const Instance& instance() const;
  const InstancePtr& shared_instance() const;
  // The first endpoint.
  const Endpoint& endpoint() const { return instance().spec.endpoints.front(); }

  // The call is over. What counts as failed is the caller's to say: what tells of the instance (no
  // connection, a timeout, an internal error), not of the request.
  void Done(bool ok, absl::Duration latency);

 private:
  friend class PickerCore;
  explicit Picked(PickTarget* target) : target_(target) {}
  explicit Picked(PickFailure failure) : failure_(failure) {}
  void Drop();

  PickTarget* target_ = nullptr;
  PickFailure failure_ = PickFailure::kNone;
};

class Picker {
 public:
  // Follows the subscription's view as long as it lives.
  explicit Picker(const Subscription& subscription, const PickerOptions& options = {});
  // Follows nothing: SetView says what there is.
  explicit Picker(const PickerOptions& options = {});
  ~Picker();
  Picker(const Picker&) = delete;
  Picker& operator=(const Picker&) = delete;

  Picked Pick(const PickRequest& request = {});

  void SetView(const ViewPtr& view);

  // Instances to pick from, and how many of them are ejected now.
  size_t size() const;
  size_t ejected() const;
  // Of the service's breaker; kClosed where there is none.
  CircuitBreaker::State circuit() const;

 private:
  std::shared_ptr<PickerCore> core_;
};

}  // namespace registry
