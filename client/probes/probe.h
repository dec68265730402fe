// Probe: one question whether something is alive, and what came of it.
//
//   auto probe = registry::probes::ParseProbe("http:/health", {.host = "10.0.0.7", .port = 8080});
//   if (!probe.ok()) return probe.status();
//   prober.Start(*probe, [](const ProbeResult& result) { Log(result.detail); });   // prober.h
//
// What passes: HTTP, a status of 200 to 299 (a redirect is an answer like any other, and not
// followed: it fails); TCP, a connection is made; gRPC, grpc.health.v1.Health/Check answers
// SERVING; process, a process of that id runs in our PID namespace and is not a zombie.
//
// Each probe makes a connection of its own and closes it. No TLS, no proxy, no authorization. The
// target is not trusted: time, headers (8 KiB), body (4 KiB are read) and gRPC messages (4 KiB) are
// bounded, and what it says reaches `detail` as printable ASCII of at most 256 characters.
// Threads: plain values.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace registry::probes {

enum class ProbeKind { kHttp, kTcp, kGrpc, kProcess };

struct Probe {
  ProbeKind kind = ProbeKind::kTcp;
  std::string host = {};  // IPv4, IPv6 without brackets, or a name; not for kProcess
  uint16_t port = 0;
  std::string path = "/";                     // kHttp: with the query; begins with '/'
  std::string grpc_service = {};              // kGrpc: empty asks for the whole server
  int pid = 0;                                // kProcess
  absl::Duration timeout = absl::Seconds(2);  // of everything, the name's resolution included
  friend bool operator==(const Probe&, const Probe&) = default;
};

enum class ProbeOutcome {
  kPassed,
  kFailed,
  // The prober could not ask: too many probes under way, no file descriptor, stopped. It says
  // nothing about the target, so nothing must be taken out because of it.
  kNotAsked,
};

struct ProbeResult {
  ProbeOutcome outcome = ProbeOutcome::kNotAsked;
  std::string detail =
      {};  // for people: "GET http://10.0.0.7:8080/health: 503 Service Unavailable"
  absl::Duration took = {};
  bool passed() const { return outcome == ProbeOutcome::kPassed; }
};

// "passed", "failed", "not asked"
const char* ToString(ProbeOutcome outcome);

// What a text that names no host or no port means.
struct ProbeTarget {
  std::string host = {};
  uint16_t port = 0;
};

// From one of
//   http:/health       http://10.0.0.7:8080/health    http://:8081/health
//   tcp                tcp://10.0.0.7:5432            tcp://:5432
//   grpc               grpc:my.Service                grpc://10.0.0.7:50051/my.Service
//   process:4711
// INVALID_ARGUMENT says what is wrong and what to write.
absl::StatusOr<Probe> ParseProbe(const std::string& text, const ProbeTarget& target = {});

// INVALID_ARGUMENT names what a probe that was not made by ParseProbe lacks: no host, port 0, a
// path or host with a character that has no place there, a timeout that is not 1 ms to 1 h.
absl::Status ValidateProbe(const Probe& probe);

// The inverse of ParseProbe, complete: "http://10.0.0.7:8080/health", "tcp://[::1]:5432".
std::string ToString(const Probe& probe);

}  // namespace registry::probes
