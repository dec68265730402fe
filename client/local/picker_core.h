// What is behind a Picker and its Picked: the present table of targets, and what is known of each
// of them.
//
// A target is one version of one instance; its figures (load, ejection, breaker) live on over
// changes of the instance, as long as the incarnation does. A Picked holds its target by a count.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "client/local/published.h"
#include "client/local/subscription_state.h"
#include "registry/picker.h"

namespace registry {

// What all targets of a picker share; outlives it where a Picked does.
struct PickerShared {
  explicit PickerShared(const PickerOptions& given);

  const PickerOptions options;
  std::optional<OutlierEjection> ejection;
  std::optional<CircuitBreaker> service_breaker;
};

struct TargetFigures;

// One version of an instance.
struct PickTarget {
  void Hold() { held.fetch_add(1, std::memory_order_relaxed); }
  void Release();

  std::atomic<uint32_t> held{0};  // by the table, and by each Picked
  std::atomic<bool> free{true};
  InstancePtr instance = {};
  TargetFigures* figures = nullptr;
};

// What is known of an instance. All that a pick reads and writes is in the first cache line, so that
// it waits for one at most where another core has picked the same instance: the load, the beginning
// of `host`, and one version. Whether `host` and `breaker` are there, the picker's options say:
// asking them here would cost the lines behind.
struct alignas(64) TargetFigures {
  explicit TargetFigures(std::shared_ptr<PickerShared> owner);
  ~TargetFigures();
  // Held once, by the caller. By one thread at a time.
  PickTarget* NewVersion(InstancePtr instance);
  void End(PickTarget* version);

  PickTarget nearest;  // for the first version, and for a later one when it is free again
  TargetLoad load;
  std::optional<OutlierEjection::Host> host;
  const std::shared_ptr<PickerShared> shared;
  std::unique_ptr<CircuitBreaker> breaker;
  std::atomic<uint32_t> versions{0};  // it goes with the last one
};

class PickerCore : public ViewListener {
 public:
  explicit PickerCore(const PickerOptions& options);

  Picked Pick(const PickRequest& request);
  void OnView(const ViewPtr& view, uint64_t number) override;
  void SetView(const ViewPtr& view);

  size_t size() const { return table_.Read()->targets.size(); }
  const PickerShared& shared() const { return *shared_; }

 private:
  struct Table {
    ~Table() {
      for (PickTarget* target : targets) target->Release();
    }
    std::vector<PickTarget*> targets;  // sorted by name
    std::shared_ptr<const PickTable> choice;
  };

  std::vector<InstancePtr> Usable(const View& view) const;
  bool Take(PickTarget* target, bool ejected_too = false) const;
  Picked Have(PickTarget* target) const;
  void Replace(const ViewPtr& view);

  const PolicyPtr policy_;
  const std::shared_ptr<PickerShared> shared_;
  Published<Table> table_;

  std::mutex mutex_;  // guards the next, and is held by the one who replaces the table
  uint64_t number_ = 0;
  std::vector<PickTarget*> former_;  // the present table's, which owns them
  std::shared_ptr<const PickTable> choice_;
};

}  // namespace registry
