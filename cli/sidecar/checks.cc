#include "cli/sidecar/checks.h"

#include <algorithm>
#include <utility>

namespace registry::cli {
namespace {

constexpr std::chrono::milliseconds kStartInterval{100};
constexpr std::chrono::milliseconds kLongest{60'000};

}  // namespace

void Checks::Set(const std::vector<Service>& services) {
  std::map<std::string, Entry> next;
  for (const Service& service : services) {
    const auto before = entries_.find(service.key());
    if (before != entries_.end() && before->second.check == service.check) {
      next.insert(entries_.extract(before));
    } else {
      Entry& entry = next[service.key()];
      entry = {.check = service.check, .life = ++lives_};
      // A changed check goes on from what is known, so that one which never passes turns it
      // critical.
      if (before != entries_.end()) entry.state = before->second.state;
    }
  }
  entries_ = std::move(next);
}

int Checks::Tick() {
  const Clock::time_point now = Clock::now();
  Clock::time_point wake = now + kLongest;
  for (auto& [key, entry] : entries_) {
    if (entry.asking || entry.over) continue;
    if (entry.next <= now) {
      entry.asking = true;
      prober_.Start(entry.check.probe,
                    [this, key = key, life = entry.life](const probes::ProbeResult& result) {
                      mailbox_->Post([this, key, life, result] { Take(key, life, result); });
                    });
    } else {
      wake = std::min(wake, entry.next);
    }
  }
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wake - now).count());
}

void Checks::Take(const std::string& key, uint64_t life, const probes::ProbeResult& result) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.life != life) return;
  Entry& entry = found->second;
  entry.asking = false;
  entry.next = Clock::now() + (entry.state == State::kUnknown
                                   ? kStartInterval
                                   : absl::ToChronoMilliseconds(entry.check.interval));
  if (result.outcome == probes::ProbeOutcome::kNotAsked) return;
  const bool agrees = entry.state == State::kUnknown
                          ? !result.passed()
                          : result.passed() == (entry.state == State::kPassing);
  entry.row = agrees ? 0 : entry.row + 1;
  if (entry.row < (result.passed() ? entry.check.passes : entry.check.fails)) return;
  if (agrees) return;
  entry.row = 0;
  entry.state = result.passed() ? State::kPassing : State::kCritical;
  entry.over = entry.check.once;
  if (entry.state == State::kPassing) {
    entry.next = Clock::now() + absl::ToChronoMilliseconds(entry.check.interval);
  }
  on_change_(key, result.passed(), result.detail);
}

}  // namespace registry::cli
