// Runs a callback on the loop when the leadership changed.
//
//   LeadershipHook hook([this] { proposer->OnLeadership(); });
//   replica->AddObserver(&hook);
#pragma once

#include <functional>
#include <utility>

#include "registryd/replica/replica.h"

namespace registryd::server {

class LeadershipHook final : public replica::Observer {
 public:
  explicit LeadershipHook(std::function<void()> run) : run_(std::move(run)) {}
  void OnOutcome(const core::Outcome&) override {}
  void OnLeadership(const replica::Leadership&) override { run_(); }

 private:
  const std::function<void()> run_;
};

}  // namespace registryd::server
