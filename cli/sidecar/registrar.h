// Registrar: brings the registry to what is wanted, and keeps it there.
//
//   Registrar registrar({.client = options, .ttl = absl::Seconds(6), .note = note});
//   registrar.Want("default/web/i-1", spec, Registrar::State::kPassing);
//   registrar.Want("default/web/i-1", spec, Registrar::State::kCritical, "GET /health: 503");
//   registrar.Leave("default/web/i-1", {.reason = "process exited 137", .process_exit = true});
//   registrar.WaitSettled(absl::Seconds(5));
//
// It compares what is wanted with what the registry was last told, and tells the difference; what
// fails is tried again after a jitterless pause of 0.2 to 5 s, or as soon as something else is
// wanted of it; one that is refused does not hold up the others. So it does not matter whether the
// registry is there when the service starts. kDraining is settled when every live subscriber has
// acknowledged it (promise G7). All instances hang on one lease: the first one begins it and the
// client library renews it; the others are attached. When the lease is lost, everything is
// registered anew.
//
// Threads: any for the methods, which do not block but for WaitSettled; one of its own for the
// calls; `note` is called by several.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/admin.h"
#include "registry/client.h"

namespace registry::cli {

class Registrar {
 public:
  enum class State { kOut, kPassing, kCritical, kDraining };
  static constexpr std::chrono::milliseconds kFirstPause{200};
  struct Options {
    ClientOptions client = {};
    absl::Duration ttl = absl::Seconds(6);
    std::function<void(const std::string&)> note = {};
  };
  explicit Registrar(Options options);
  ~Registrar();  // takes out what is still in, within a second
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  void Want(const std::string& key, const InstanceSpec& spec, State state,
            const std::string& message = "");
  // Out, and forgotten once it is; the registry keeps the reason.
  void Leave(const std::string& key, const DeregisterOptions& why = {});
  void LeaveAll(const DeregisterOptions& why = {});

  // Until the registry has been told everything. False: not within `timeout`.
  bool WaitSettled(absl::Duration timeout);

 private:
  using Clock = std::chrono::steady_clock;
  struct Slot {
    InstanceSpec spec;
    State wanted = State::kOut;
    std::string message;    // for people
    DeregisterOptions why;  // with kOut
    bool forget = false;
    uint64_t wants = 0;  // grows with each of them
    // After a failure.
    Clock::time_point retry_at = {};
    std::chrono::milliseconds pause = kFirstPause;
    std::string trouble;  // that has been noted
    // What the registry was told last.
    State told = State::kOut;
    std::string told_message;
    InstanceSpec told_spec;
    // Of a drain: everybody who watches knows; else who does not.
    bool acknowledged = false;
    std::string waiting_for;
    bool settled() const;
  };

  void Serve();
  // One step of one slot, without the lock. OK: done as far as the copy says.
  absl::Status Bring(const std::string& key, Slot* slot);
  absl::Status Enter(const std::string& key, Slot* slot);
  absl::Status AskDrained(Slot* slot);
  void OnEvent(const RegistrationEvent& event);
  // With the lock.
  void StartAnew();
  Clock::time_point Due() const;
  bool Settled() const { return Due() == Clock::time_point::max(); }

  const Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Slot> slots_;
  bool stopping_ = false;
  bool lease_renewed_anew_ = false;  // the library registered again with a new lease

  // The worker's.
  std::unique_ptr<Client> client_;
  std::unique_ptr<Admin> admin_;  // for the first drain
  std::unique_ptr<Registration> lease_;
  // Of the slot that the lease began with: the library brings it back as it then was.
  std::string lease_key_;
  InstanceSpec lease_spec_;
  std::thread worker_;
};

}  // namespace registry::cli
