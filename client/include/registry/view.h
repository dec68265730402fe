// View: what a subscription knows at one revision. It never changes; the next change makes another.
//
//   registry::ViewPtr view = subscription->view();
//   for (const registry::InstancePtr& instance : view->instances) Use(instance->spec);
//
// Threads: any number of readers without locks. Cost: a View is one pointer for each instance;
// successive views share the instances that did not change.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "registry/types.h"

namespace registry {

using InstancePtr = std::shared_ptr<const Instance>;

struct View {
  uint64_t cluster_id = 0;
  uint64_t revision = 0;                    // 0: nothing is known yet
  std::vector<InstancePtr> instances = {};  // sorted by namespace, service and id

  // Null: it is not there. O(log n).
  InstancePtr Find(std::string_view ns, std::string_view service, std::string_view id) const;
};

using ViewPtr = std::shared_ptr<const View>;

// The order of a view.
bool NameLess(const InstanceSpec& a, const InstanceSpec& b);
bool SameName(const InstanceSpec& a, const InstanceSpec& b);

}  // namespace registry
