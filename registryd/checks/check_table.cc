#include "registryd/checks/check_table.h"

#include <algorithm>

namespace registryd::checks {
namespace {

constexpr int64_t kFirstWithinMs = 1'000;

const core::Endpoint& EndpointOf(const core::InstanceSpec& spec) {
  for (const core::Endpoint& endpoint : spec.endpoints) {
    if (endpoint.name == spec.check->endpoint) return endpoint;
  }
  return spec.endpoints.front();
}

}  // namespace

void CheckTable::Tally(const Entry& entry, int by) {
  if (entry.known != core::CheckResult::kPassing) return;
  passing_ += static_cast<size_t>(by);
  if (entry.failed > 0) failing_ += static_cast<size_t>(by);
}

void CheckTable::Schedule(const std::string& name, Entry& entry, int64_t due_ms) {
  if (!entry.under_way) due_.erase({entry.due_ms, name});
  entry.under_way = false;
  entry.due_ms = due_ms;
  due_.emplace(due_ms, name);
}

void CheckTable::Put(const core::Instance& instance, int64_t now) {
  const std::string& name = instance.name().text();
  const auto [at, fresh] = entries_.try_emplace(name);
  Entry& entry = at->second;
  const Revision epoch = instance.facts.rare->check_epoch;
  if (!fresh) Tally(entry, -1);
  entry.known = instance.facts.check;
  if (!fresh && entry.epoch == epoch) {
    entry.endpoint = EndpointOf(instance.spec);  // it may have moved
    return Tally(entry, +1);
  }
  entry.target = {instance.name(), instance.incarnation};
  entry.epoch = epoch;
  entry.check = *instance.spec.check;
  entry.endpoint = EndpointOf(instance.spec);
  entry.passed = 0;
  entry.failed = 0;
  Tally(entry, +1);
  Schedule(name, entry, now + Below(kFirstWithinMs));
}

void CheckTable::Remove(const core::InstanceName& name) {
  const auto found = entries_.find(name.text());
  if (found == entries_.end()) return;
  Tally(found->second, -1);
  due_.erase({found->second.due_ms, name.text()});
  entries_.erase(found);
}

void CheckTable::Clear() {
  entries_.clear();
  due_.clear();
  passing_ = failing_ = 0;
}

std::vector<DueCheck> CheckTable::DueAt(int64_t now, size_t most) {
  std::vector<DueCheck> out;
  while (!due_.empty() && due_.begin()->first <= now && out.size() < most) {
    const std::string name = due_.begin()->second;
    due_.erase(due_.begin());
    Entry& entry = entries_.at(name);
    entry.under_way = true;
    out.push_back({entry.target.name, entry.epoch, entry.check, entry.endpoint});
  }
  return out;
}

std::optional<core::ReportChecks::Result> CheckTable::Note(const core::InstanceName& name,
                                                           Revision epoch, Answer answer,
                                                           std::string message, int64_t now) {
  const auto found = entries_.find(name.text());
  if (found == entries_.end() || found->second.epoch != epoch || !found->second.under_way) {
    return std::nullopt;
  }
  Entry& entry = found->second;
  const int64_t interval = entry.check.interval_ms;
  Schedule(name.text(), entry, now + interval - interval / 10 + Below(interval / 5 + 1));
  if (answer == Answer::kNotAsked) return std::nullopt;
  const bool passed = answer == Answer::kPassed;
  Tally(entry, -1);
  entry.passed = passed ? entry.passed + 1 : 0;
  entry.failed = passed ? 0 : entry.failed + 1;
  Tally(entry, +1);
  const bool enough =
      passed ? entry.passed >= entry.check.passes : entry.failed >= entry.check.failures;
  const auto verdict = passed ? core::CheckResult::kPassing : core::CheckResult::kFailing;
  if (!enough || entry.known == verdict) return std::nullopt;
  return core::ReportChecks::Result{entry.target, epoch, passed, std::move(message)};
}

}  // namespace registryd::checks
