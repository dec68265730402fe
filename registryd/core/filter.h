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

  // The first of the conditions that the instance does not meet.
  enum class Miss : uint8_t { kNone, kHealth, kSelector, kVersion };
  Miss FirstMiss(const Instance& instance) const {
    if ((health_mask & HealthBit(instance.health())) == 0) return Miss::kHealth;
    if (!selector.Matches(instance.spec.labels)) return Miss::kSelector;
    if (!versions.Matches(instance.spec.version)) return Miss::kVersion;
    return Miss::kNone;
  }
  bool Matches(const Instance& instance) const { return FirstMiss(instance) == Miss::kNone; }
  // Equal for filters that choose alike: the key under which watches share their work.
  std::string Canonical() const {
    return Text(static_cast<unsigned>(health_mask), "|", selector.Canonical(), "|",
                versions.Canonical());
  }
};

}  // namespace registryd::core
