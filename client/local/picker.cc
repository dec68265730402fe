#include "registry/picker.h"

#include <algorithm>

#include "client/local/picker_core.h"
#include "registry/subscription.h"

namespace registry {
namespace {

// Choices of the policy that cannot be used, and then neighbours, before the pick is given up.
constexpr uint32_t kAttempts = 4;
constexpr size_t kNeighbours = 64;

}  // namespace

const char* ToString(PickFailure failure) {
  switch (failure) {
    case PickFailure::kNone:
      return "none";
    case PickFailure::kNoInstances:
      return "no instances";
    case PickFailure::kCircuitOpen:
      return "circuit open";
  }
  return "unknown";
}

PickerShared::PickerShared(const PickerOptions& given) : options(given) {
  if (options.ejection) ejection.emplace(*options.ejection, options.time);
  if (options.service_breaker) service_breaker.emplace(*options.service_breaker, options.time);
}

TargetFigures::TargetFigures(std::shared_ptr<PickerShared> owner) : shared(std::move(owner)) {
  if (shared->ejection) host.emplace(*shared->ejection);
  if (shared->options.instance_breaker) {
    breaker =
        std::make_unique<CircuitBreaker>(*shared->options.instance_breaker, shared->options.time);
  }
}

TargetFigures::~TargetFigures() {
  if (host) shared->ejection->Forget(*host);
}

PickTarget* TargetFigures::NewVersion(InstancePtr instance) {
  versions.fetch_add(1, std::memory_order_relaxed);
  PickTarget* version = nearest.free.load(std::memory_order_acquire) ? &nearest : new PickTarget;
  version->free.store(false, std::memory_order_relaxed);
  version->held.store(1, std::memory_order_relaxed);
  version->instance = std::move(instance);
  version->figures = this;
  return version;
}

void TargetFigures::End(PickTarget* version) {
  if (version != &nearest) {
    delete version;
  } else {
    version->instance = nullptr;
    version->free.store(true, std::memory_order_release);
  }
  if (versions.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void PickTarget::Release() {
  if (held.fetch_sub(1, std::memory_order_acq_rel) == 1) figures->End(this);
}

PickerCore::PickerCore(const PickerOptions& options)
    : policy_(options.policy != nullptr ? options.policy : LeastRequests()),
      shared_(std::make_shared<PickerShared>(options)),
      table_(std::make_unique<const Table>()) {}

Picked PickerCore::Pick(const PickRequest& request) {
  const auto table = table_.Read();
  const std::vector<PickTarget*>& targets = table->targets;
  ClientMetrics* metrics = shared_->options.metrics;
  if (targets.empty()) {
    if (metrics != nullptr) metrics->OnPick(nullptr);
    return Picked(PickFailure::kNoInstances);
  }
  CircuitBreaker* service = shared_->service_breaker ? &*shared_->service_breaker : nullptr;
  if (service != nullptr && !service->Allow()) {
    if (metrics != nullptr) metrics->OnPick(nullptr);
    return Picked(PickFailure::kCircuitOpen);
  }
  size_t index = 0;
  for (uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
    index = std::min(table->choice->Pick(request, attempt), targets.size() - 1);
    if (Take(targets[index])) return Have(targets[index]);
  }
  const size_t first = index;
  for (size_t i = 1; i < std::min(targets.size(), kNeighbours); ++i) {
    index = (first + i) % targets.size();
    if (Take(targets[index])) return Have(targets[index]);
  }
  // Ejected ones are better than none; those behind an open breaker are not.
  if (Take(targets[first], /*ejected_too=*/true)) return Have(targets[first]);
  if (service != nullptr) service->Cancel();
  if (metrics != nullptr) metrics->OnPick(nullptr);
  return Picked(PickFailure::kCircuitOpen);
}

// It is counted before it is looked at: where another core has written to it, it comes here once.
bool PickerCore::Take(PickTarget* target, bool ejected_too) const {
  target->Hold();
  TargetFigures& figures = *target->figures;
  figures.load.Begin();
  const bool ejected =
      !ejected_too && shared_->ejection && shared_->ejection->Ejected(*figures.host);
  if (!ejected && (!shared_->options.instance_breaker || figures.breaker->Allow())) return true;
  figures.load.End();
  target->Release();
  return false;
}

Picked PickerCore::Have(PickTarget* target) const {
  if (shared_->options.metrics != nullptr) shared_->options.metrics->OnPick(target->instance.get());
  return Picked(target);
}

void PickerCore::OnView(const ViewPtr& view, uint64_t number) {
  std::lock_guard lock(mutex_);
  if (number < number_) return;  // a newer one was first
  number_ = number;
  Replace(view);
}

void PickerCore::SetView(const ViewPtr& view) {
  std::lock_guard lock(mutex_);
  Replace(view);
}

std::vector<InstancePtr> PickerCore::Usable(const View& view) const {
  size_t passing = 0;
  size_t suspect = 0;
  for (const InstancePtr& instance : view.instances) {
    passing += instance->health == Health::kPassing;
    suspect += instance->health == Health::kSuspect;
  }
  const bool panic = static_cast<double>(passing) <
                     shared_->options.panic_share * static_cast<double>(passing + suspect);
  std::vector<InstancePtr> usable;
  usable.reserve(passing + (panic ? suspect : 0));
  for (const InstancePtr& instance : view.instances) {
    if (instance->spec.endpoints.empty()) continue;
    if (instance->health == Health::kPassing || (panic && instance->health == Health::kSuspect)) {
      usable.push_back(instance);
    }
  }
  return usable;
}

void PickerCore::Replace(const ViewPtr& view) {
  auto table = std::make_unique<Table>();
  bool same = true;  // for the policy: the same instances with the same content
  auto former = former_.begin();
  for (InstancePtr& instance : Usable(*view)) {
    while (former != former_.end() && NameLess((*former)->instance->spec, instance->spec)) {
      ++former;
      same = false;
    }
    PickTarget* before = nullptr;
    if (former != former_.end() && SameName((*former)->instance->spec, instance->spec)) {
      before = *former++;
    }
    const bool lives_on =
        before != nullptr && before->instance->incarnation == instance->incarnation;
    if (lives_on && before->instance == instance) {
      before->Hold();
      table->targets.push_back(before);
      continue;
    }
    same &= lives_on && before->instance->spec == instance->spec;
    TargetFigures* figures = lives_on ? before->figures : new TargetFigures(shared_);
    table->targets.push_back(figures->NewVersion(std::move(instance)));
  }
  same &= former == former_.end() && choice_ != nullptr;
  if (shared_->ejection) shared_->ejection->SetHosts(table->targets.size());
  if (!same) {
    choice_ = nullptr;
    if (!table->targets.empty()) {
      std::vector<Candidate> candidates;
      candidates.reserve(table->targets.size());
      for (const PickTarget* target : table->targets) {
        candidates.push_back({.instance = target->instance.get(), .load = &target->figures->load});
      }
      choice_ = policy_->Build(candidates);
    }
  }
  table->choice = choice_;
  former_ = table->targets;
  table_.Replace(std::move(table));
}

Picked& Picked::operator=(Picked&& other) noexcept {
  if (this != &other) {
    if (target_ != nullptr) Drop();
    target_ = std::exchange(other.target_, nullptr);
    failure_ = other.failure_;
  }
  return *this;
}

const Instance& Picked::instance() const { return *target_->instance; }

const InstancePtr& Picked::shared_instance() const { return target_->instance; }

void Picked::Done(bool ok, absl::Duration latency) {
  if (target_ == nullptr) return;
  TargetFigures& figures = *target_->figures;
  PickerShared& shared = *figures.shared;
  figures.load.End();
  const int64_t now = shared.options.time->NowNanos();  // once for all
  figures.load.Report(now, ok, latency);
  const bool ejected = shared.ejection && shared.ejection->ReportAt(now, *figures.host, ok);
  if (shared.options.instance_breaker) figures.breaker->RecordAt(now, ok);
  if (shared.service_breaker) shared.service_breaker->RecordAt(now, ok);
  if (ClientMetrics* metrics = shared.options.metrics; metrics != nullptr) {
    metrics->OnOutcome(*target_->instance, ok, latency);
    if (ejected) metrics->OnEjection(*target_->instance);
  }
  std::exchange(target_, nullptr)->Release();
}

void Picked::Drop() {
  TargetFigures& figures = *target_->figures;
  figures.load.End();
  PickerShared& shared = *figures.shared;
  if (shared.options.instance_breaker) figures.breaker->Cancel();
  if (shared.service_breaker) shared.service_breaker->Cancel();
  std::exchange(target_, nullptr)->Release();
}

Picker::Picker(const Subscription& subscription, const PickerOptions& options)
    : core_(std::make_shared<PickerCore>(options)) {
  subscription.state()->AddListener(core_);
}

Picker::Picker(const PickerOptions& options) : core_(std::make_shared<PickerCore>(options)) {}

Picker::~Picker() = default;

Picked Picker::Pick(const PickRequest& request) { return core_->Pick(request); }

void Picker::SetView(const ViewPtr& view) { core_->SetView(view); }

size_t Picker::size() const { return core_->size(); }

size_t Picker::ejected() const {
  return core_->shared().ejection ? core_->shared().ejection->ejected() : 0;
}

CircuitBreaker::State Picker::circuit() const {
  const PickerShared& shared = core_->shared();
  return shared.service_breaker ? shared.service_breaker->state() : CircuitBreaker::State::kClosed;
}

}  // namespace registry
