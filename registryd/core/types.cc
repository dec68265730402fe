#include "registryd/core/types.h"

#include <array>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::core {

InstanceName::InstanceName(std::string_view ns, std::string_view service, std::string_view id)
    : ns_size_(static_cast<uint32_t>(ns.size())),
      service_size_(static_cast<uint32_t>(service.size())) {
  text_.reserve(ns.size() + service.size() + id.size() + 2);
  text_.append(ns).append(1, '/').append(service).append(1, '/').append(id);
}

InstanceName::InstanceName(std::string joined) : text_(std::move(joined)) {
  REGISTRYD_CHECK(IsJoined(text_), Text("not namespace/service/id: '", text_, "'"));
  const size_t first = text_.find('/');
  ns_size_ = static_cast<uint32_t>(first);
  service_size_ = static_cast<uint32_t>(text_.find('/', first + 1) - first - 1);
}

bool InstanceName::IsJoined(std::string_view text) {
  const size_t first = text.find('/');
  if (first == std::string_view::npos || first == 0) return false;
  const size_t second = text.find('/', first + 1);
  if (second == std::string_view::npos || second == first + 1) return false;
  return second + 1 < text.size() && text.find('/', second + 1) == std::string_view::npos;
}

std::string_view ServiceOf(std::string_view target) {
  return target.substr(0, target.find('/', target.find('/') + 1));
}

DerivedHealth DeriveHealth(const HealthFacts& facts) {
  if (facts.lease_expired) return {Health::kCritical, HealthReason::kLeaseExpired};
  if (facts.report == Report::kCritical) return {Health::kCritical, HealthReason::kReported};
  if (facts.check == CheckResult::kFailing || facts.check == CheckResult::kUnknown) {
    return {Health::kCritical, HealthReason::kCheck};
  }
  if (facts.rare->maintenance) return {Health::kDraining, HealthReason::kMaintenance};
  if (facts.report == Report::kDraining) return {Health::kDraining, HealthReason::kReported};
  if (facts.silent) return {Health::kSuspect, HealthReason::kSilent};
  if (!facts.message.empty()) return {Health::kPassing, HealthReason::kReported};
  return {Health::kPassing,
          facts.check == CheckResult::kPassing ? HealthReason::kCheck : HealthReason::kRegistered};
}

std::string_view HealthMessage(const HealthFacts& facts) {
  switch (DeriveHealth(facts).reason) {
    case HealthReason::kCheck:
      return facts.check == CheckResult::kUnknown ? std::string_view("not checked yet")
                                                  : facts.rare->check_message;
    case HealthReason::kMaintenance:
      return facts.rare->maintenance->reason;
    default:
      return facts.message;
  }
}

std::string_view ToString(Health health) {
  switch (health) {
    case Health::kPassing:
      return "PASSING";
    case Health::kSuspect:
      return "SUSPECT";
    case Health::kCritical:
      return "CRITICAL";
    case Health::kDraining:
      return "DRAINING";
  }
  return "UNKNOWN";
}

std::string_view ToString(HealthReason reason) {
  switch (reason) {
    case HealthReason::kRegistered:
      return "registered";
    case HealthReason::kLeaseExpired:
      return "lease expired";
    case HealthReason::kReported:
      return "reported";
    case HealthReason::kSilent:
      return "silent";
    case HealthReason::kCheck:
      return "check";
    case HealthReason::kMaintenance:
      return "maintenance";
  }
  return "unknown";
}

uint64_t InstanceDigest(const Instance& instance) {
  // '\0', incarnation, changed, health: what follows the name (docs/formats.md, "Digest").
  std::array<unsigned char, 18> tail;
  tail[0] = 0;
  for (size_t i = 0; i < 8; ++i) {
    tail[1 + i] = static_cast<unsigned char>(instance.incarnation.value() >> (8 * i));
    tail[9 + i] = static_cast<unsigned char>(instance.changed.value() >> (8 * i));
  }
  tail[17] = static_cast<unsigned char>(instance.health());

  const std::string& name = instance.name().text();
  XXH64_state_t state;
  XXH64_reset(&state, 0);
  XXH64_update(&state, name.data(), name.size());
  XXH64_update(&state, tail.data(), tail.size());
  return XXH64_digest(&state);
}

}  // namespace registryd::core
