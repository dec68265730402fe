// One service that the sidecar answers for: what it registers, and how it knows
// that it works.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "client/probes/probe.h"
#include "registry/types.h"

namespace registry::cli {

struct ServiceCheck {
  probes::Probe probe = {};
  absl::Duration interval = absl::Seconds(2);
  int passes = 1;  // so many in a row before it is passing
  int fails = 3;   // so many in a row before it is critical
  // Ask only until it passes for the first time: it listens, and the rest is
  // the process's life.
  bool once = false;
  friend bool operator==(const ServiceCheck&, const ServiceCheck&) = default;
};

struct Service {
  // With its id. An endpoint without a host gets the address that faces the
  // registry.
  InstanceSpec instance = {};
  ServiceCheck check = {};
  // "namespace/service/id": names the service within a sidecar.
  std::string key() const { return instance.ns + "/" + instance.service + "/" + instance.id; }
  friend bool operator==(const Service&, const Service&) = default;
};

}  // namespace registry::cli
