#include "registryd/server/gauges.h"

#include "registryd/base/metrics.h"

namespace registryd::server {

void RefreshGauges(const replica::Replica& replica, const consensus::RaftStatus& raft,
                   const liveness::IntakeStatus& intake, bool insecure, size_t connections) {
  const auto set = [](const char* name, const char* help, double value) {
    metrics::GetGauge(name, help).Set(value);
  };
  const auto view = replica.view();
  set("registryd_instances", "Instances of all states.", static_cast<double>(view->instances));
  set("registryd_services", "Services with at least one instance.",
      static_cast<double>(view->services.size()));
  set("registryd_leases", "Leases.", static_cast<double>(view->leases));
  set("registryd_guard_silent_leases", "Leases that are silent and held by the guard.",
      static_cast<double>(view->silent_leases));
  set("registryd_guard_registry", "1 while the guard of the whole registry holds instances.",
      view->counters.guard.since_ms != 0 ? 1 : 0);
  const double expected = static_cast<double>(intake.leases);
  set("registryd_intake_heard_ratio",
      "Leases renewed lately, of those that should be; 1 on who does not lead.",
      intake.leading && expected > 0 ? static_cast<double>(intake.heard) / expected : 1);
  set("registryd_expiry_paused", "1 while too few renewals are heard to believe silence.",
      intake.paused ? 1 : 0);
  set("registryd_revision", "Revision of the view.", static_cast<double>(view->revision().value()));
  set("registryd_raft_term", "Raft term.", static_cast<double>(raft.term.value()));
  set("registryd_raft_commit_index", "Committed index of the Raft log.",
      static_cast<double>(raft.commit.value()));
  set("registryd_raft_applied_index", "Applied index of the Raft log.",
      static_cast<double>(replica.applied().value()));
  set("registryd_raft_first_index", "Oldest index that is still in the Raft log.",
      static_cast<double>(raft.first_index.value()));
  set("registryd_members_silent", "Other members that this leader has not heard for 10 s.",
      static_cast<double>(raft.silent_members));
  set("registryd_is_leader", "1 on the leader when it is ready.", raft.ready ? 1 : 0);
  set("registryd_lag_seconds", "Time since this node knew itself level with the leader.",
      static_cast<double>(replica.lag_ms()) / 1e3);
  set("registryd_insecure", "1 when it was started with --insecure.", insecure ? 1 : 0);
  set("registryd_connections", "Connections of clients, as far as it was looked at.",
      static_cast<double>(connections));
}

}  // namespace registryd::server
