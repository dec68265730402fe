// AppendInstanceElement of api_codec.h: the one message that is encoded for every change, so it is
// written straight from core's types instead of through a registry.v1.Instance and its hash maps.
// Field numbers: registry/v1/types.proto.
#include <cstdint>
#include <string>
#include <string_view>

#include "registryd/wire/api_codec.h"
#include "registryd/wire/proto_writer.h"

namespace registryd::wire {
namespace {

template <class Sink>
void PutFields(Sink& sink, const core::Endpoint& endpoint) {
  PutText(sink, 1, endpoint.name);
  PutText(sink, 2, endpoint.host);
  PutNumber(sink, 3, endpoint.port);
  PutText(sink, 4, endpoint.protocol);
}

// An entry of a map has both fields, also when they are empty.
template <class Sink>
void PutFields(Sink& sink, const core::Label& label) {
  PutTextAlways(sink, 1, label.key);
  PutTextAlways(sink, 2, label.value);
}

template <class Sink>
void PutFields(Sink& sink, const core::InstanceSpec& spec);
template <class Sink>
void PutFields(Sink& sink, const core::Instance& instance);

template <class Sink, class Part>
void PutMessage(Sink& sink, int number, const Part& part) {
  PutMessageBy(sink, number, [&part](auto& to) { PutFields(to, part); });
}

template <class Sink>
void PutFields(Sink& sink, const core::InstanceSpec& spec) {
  PutText(sink, 1, spec.name.ns());
  PutText(sink, 2, spec.name.service());
  PutText(sink, 3, spec.name.id());
  for (const core::Endpoint& endpoint : spec.endpoints) PutMessage(sink, 4, endpoint);
  PutText(sink, 5, spec.version);
  for (const core::Label& label : spec.labels) PutMessage(sink, 6, label);
  PutText(sink, 7, spec.region);
  PutText(sink, 8, spec.zone);
  PutNumber(sink, 9, spec.weight);
  if (spec.check.empty()) return;
  PutMessageBy(sink, 10, [&check = *spec.check](auto& to) {
    PutNumber(to, 1, static_cast<uint64_t>(check.kind));
    PutText(to, 2, check.endpoint);
    PutText(to, 3, check.path);
    PutNumber(to, 4, static_cast<uint64_t>(check.interval_ms));
    PutNumber(to, 5, static_cast<uint64_t>(check.timeout_ms));
    PutNumber(to, 6, check.passes);
    PutNumber(to, 7, check.failures);
  });
}

template <class Sink>
void PutFields(Sink& sink, const core::Instance& instance) {
  const core::DerivedHealth derived = core::DeriveHealth(instance.facts);
  PutMessage(sink, 1, instance.spec);
  PutNumber(sink, 2, instance.incarnation.value());
  PutNumber(sink, 3, static_cast<uint64_t>(derived.health));
  PutNumber(sink, 4, static_cast<uint64_t>(derived.reason));
  PutText(sink, 5, core::HealthMessage(instance.facts));
  PutNumber(sink, 6, static_cast<uint64_t>(instance.health_since_ms));
  PutFixed(sink, 7, instance.lease.value());
  PutNumber(sink, 8, instance.changed.value());
  PutNumber(sink, 9, static_cast<uint64_t>(instance.created_ms));
  PutNumber(sink, 10, static_cast<uint64_t>(instance.changed_ms));
  if (instance.facts.rare.empty() || !instance.facts.rare->maintenance) return;
  PutMessageBy(sink, 11, [&o = *instance.facts.rare->maintenance](auto& to) {
    PutText(to, 1, o.owner);
    PutText(to, 2, o.reason);
    PutNumber(to, 3, static_cast<uint64_t>(o.since_ms));
    PutNumber(to, 4, static_cast<uint64_t>(o.until_ms));
    PutNumber(to, 5, core::InstanceName::IsJoined(o.target) ? 0 : 1);
  });
}

}  // namespace

void AppendInstanceElement(int field_number, const core::Instance& instance, std::string* out) {
  Writer writer(out);
  PutMessage(writer, field_number, instance);
}

}  // namespace registryd::wire
