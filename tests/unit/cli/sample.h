// An instance with every field set, for the tests of the output.
#pragma once

#include "registry/types.h"

namespace registry::cli {

inline Instance SampleInstance() {
  Instance instance;
  instance.spec.ns = "shop";
  instance.spec.service = "web";
  instance.spec.id = "i-1";
  instance.spec.endpoints = {{"http", "10.0.0.1", 8080, ""}, {"api", "2001:db8::1", 81, "grpc"}};
  instance.spec.version = "1.4.2";
  instance.spec.labels = {{"tier", "a"}, {"env", "prod"}};
  instance.spec.region = "eu";
  instance.spec.zone = "eu-1";
  instance.spec.weight = 10;
  instance.incarnation = 41;
  instance.health = Health::kPassing;
  instance.reason = HealthReason::kRegistered;
  instance.message = "fine";
  instance.health_since_ms = 1'700'000'000'123;
  instance.lease_id = 0xFEDCBA9876543210;
  instance.changed_revision = 42;
  instance.created_ms = 1'700'000'000'000;
  instance.changed_ms = 1'700'000'000'123;
  return instance;
}

}  // namespace registry::cli
