#include "cli/sidecar/sidecar.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace registry::cli {
namespace {

using Clock = std::chrono::steady_clock;

// How often a stop looks whether the registry has been told.
constexpr int kStopLookMs = 10;
// A dead process's instance cannot be served anyway; the lease runs out where
// nobody takes this.
constexpr absl::Duration kGoneLimit = absl::Seconds(2);
constexpr size_t kMessageMax = 256;

}  // namespace

Sidecar::Sidecar(Options options, Signals* signals, const std::vector<Service>& services)
    : options_(std::move(options)),
      signals_(signals),
      registrar_(options_.registrar),
      checks_(&mailbox_, [this](const std::string& key, bool passing, const std::string& why) {
        OnCheck(key, passing, why);
      }) {
  Set(services);
}

void Sidecar::Note(const std::string& text) const {
  if (options_.registrar.note) options_.registrar.note(text);
}

void Sidecar::Set(const std::vector<Service>& services) {
  std::map<std::string, Service> next;
  for (const Service& service : services) next[service.key()] = service;
  for (const auto& [key, service] : services_) {
    if (next.count(key) != 0) continue;
    registrar_.Leave(key, {.reason = "no longer configured"});
    in_.erase(key);
  }
  for (const auto& [key, service] : next) {
    const auto before = services_.find(key);
    if (before == services_.end() || before->second == service) continue;
    if (const auto in = in_.find(key); in != in_.end()) {
      registrar_.Want(key, service.instance,
                      in->second ? Registrar::State::kPassing : Registrar::State::kCritical);
    }
  }
  services_ = std::move(next);
  checks_.Set(services);
}

void Sidecar::OnCheck(const std::string& key, bool passing, const std::string& why) {
  if (phase_ != Phase::kServing || services_.count(key) == 0) return;
  in_[key] = passing;
  if (!passing) Note(absl::StrCat(key, " is critical: ", why));
  registrar_.Want(key, services_.at(key).instance,
                  passing ? Registrar::State::kPassing : Registrar::State::kCritical,
                  passing ? "" : why.substr(0, kMessageMax));
}

void Sidecar::Enter(Phase phase, absl::Duration limit) {
  phase_ = phase;
  limit_ = Clock::now() + absl::ToChronoMilliseconds(limit);
}

void Sidecar::OnStop(int signal) {
  const bool again = stop_signal_ != 0;
  stop_signal_ = signal;
  if (phase_ == Phase::kEnding) return child_->Signal(signal);
  if (phase_ == Phase::kGone) return;
  if (again) {
    registrar_.LeaveAll({.reason = "stopped"});
    return Enter(Phase::kLeaving, absl::ZeroDuration());
  }
  for (const auto& [key, passing] : in_) {
    registrar_.Want(key, services_.at(key).instance, Registrar::State::kDraining, "stopping");
  }
  Enter(Phase::kDraining, options_.drain_timeout);
}

void Sidecar::OnSignal(int signal) {
  switch (signal) {
    case SIGTERM:
    case SIGINT:
    case SIGQUIT:
      return OnStop(signal);
    case SIGCHLD:
      if (child_ == nullptr) {
        while (waitpid(-1, nullptr, WNOHANG) > 0) {
        }
      }
      return;
    case SIGHUP:
      if (options_.reload != nullptr) {
        if (phase_ != Phase::kServing) return;  // it would bring back what is to leave
        auto services = options_.reload();
        if (!services.ok()) {
          return Note(absl::StrCat("not reloaded: ", std::string(services.status().message())));
        }
        Set(*services);
        return Note(absl::StrCat("reloaded, ", services->size(), " services"));
      }
      break;
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return;  // a terminal's; the child has none
    default:
      break;
  }
  if (child_ != nullptr) child_->Signal(signal);
}

bool Sidecar::Step() {
  if (child_ != nullptr && phase_ != Phase::kGone && child_->Reap()) {
    exit_ = child_->exit_status();
    registrar_.LeaveAll({.reason = absl::StrCat("process exited ", exit_), .process_exit = true});
    Enter(Phase::kGone, kGoneLimit);
  }
  if (phase_ == Phase::kServing) return false;
  const bool due = Clock::now() >= limit_;
  if (phase_ == Phase::kEnding) {
    if (due) child_->KillGroup();
    return false;
  }
  if (!due && !registrar_.WaitSettled(absl::ZeroDuration())) return false;
  switch (phase_) {
    case Phase::kDraining:
      registrar_.LeaveAll({.reason = "stopped"});
      Enter(Phase::kLeaving, options_.drain_timeout);
      return false;
    case Phase::kLeaving:
      if (child_ == nullptr) return true;
      child_->Signal(stop_signal_);
      Enter(Phase::kEnding, options_.grace);
      return false;
    default:
      return true;
  }
}

int Sidecar::Run(std::unique_ptr<Child> child) {
  child_ = std::move(child);
  for (;;) {
    int wait_ms = checks_.Tick();
    if (phase_ != Phase::kServing) wait_ms = std::min(wait_ms, kStopLookMs);
    pollfd events[] = {{.fd = signals_->fd(), .events = POLLIN, .revents = 0},
                       {.fd = mailbox_.fd(), .events = POLLIN, .revents = 0},
                       {.fd = child_ == nullptr || phase_ == Phase::kGone ? -1 : child_->fd(),
                        .events = POLLIN,
                        .revents = 0}};
    poll(events, std::size(events), wait_ms);
    while (const int signal = signals_->Next()) OnSignal(signal);
    mailbox_.RunPosted();
    if (Step()) return exit_;
  }
}

}  // namespace registry::cli
