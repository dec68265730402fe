#include "registryd/checks/probe_asker.h"

#include <utility>

#include "absl/time/time.h"

namespace registryd::checks {

void ProbeAsker::Ask(const DueCheck& check, CheckDriver::Done done) {
  using registry::probes::ProbeKind;
  using registry::probes::ProbeOutcome;
  registry::probes::Probe probe;
  probe.host = check.endpoint.host;
  probe.port = check.endpoint.port;
  probe.timeout = absl::Milliseconds(check.check.timeout_ms);
  switch (check.check.kind) {
    case core::CheckKind::kHttp:
      probe.kind = ProbeKind::kHttp;
      probe.path = check.check.path;
      break;
    case core::CheckKind::kGrpc:
      probe.kind = ProbeKind::kGrpc;
      probe.grpc_service = check.check.path;
      break;
    case core::CheckKind::kTcp:
    case core::CheckKind::kNone:
      probe.kind = ProbeKind::kTcp;
      break;
  }
  prober_.Start(probe, [done = std::move(done)](const registry::probes::ProbeResult& result) {
    const Answer answer = result.outcome == ProbeOutcome::kPassed   ? Answer::kPassed
                          : result.outcome == ProbeOutcome::kFailed ? Answer::kFailed
                                                                    : Answer::kNotAsked;
    done(answer, result.detail);
  });
}

}  // namespace registryd::checks
