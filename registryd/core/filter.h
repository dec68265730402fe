// Which instances a lookup or a watch wants. Threads: immutable once filled.
#pragma once

#include <cstdint>
#include <string>

#include "registryd/base/text.h"
#include "registryd/core/selector.h"
#include "registryd/core/types.h"
#include "registryd/core/version_range.h"

namespace registryd::core {

constexpr uint8_t HealthBit(Health health) {
  return static_cast<uint8_t>(1u << static_cast<unsigned>(health));
}
inline constexpr uint8_t kServedHealth = HealthBit(Health::kPassing) | HealthBit(Health::kSuspect);
inline constexpr uint8_t kAnyHealth =
    kServedHealth | HealthBit(Health::kCritical) | HealthBit(Health::kDraining);

struct InstanceFilter {
  uint8_t health_mask = kAnyHealth;
  Selector selector;
  VersionRange versions;

  bool Matches(const Instance& instance) const {
    return (health_mask & HealthBit(instance.health())) != 0 &&
           selector.Matches(instance.spec.labels) && versions.Matches(instance.spec.version);
  }
  // Equal for filters that choose alike: the key under which watches share their work.
  std::string Canonical() const {
    return Text(static_cast<unsigned>(health_mask), "|", selector.Canonical(), "|",
                versions.Canonical());
  }
};

}  // namespace registryd::core
