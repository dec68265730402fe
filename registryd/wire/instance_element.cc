// AppendInstanceElement of api_codec.h: the one message that is encoded for every change, so it is
// written straight from core's types instead of through a registry.v1.Instance and its hash maps.
// Field numbers: registry/v1/types.proto.
#include <cstdint>
#include <string>
#include <string_view>

#include "registryd/wire/api_codec.h"

namespace registryd::wire {
namespace {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2 };

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// The two sinks have the same functions: one counts the bytes that the other writes.
class Counter {
 public:
  void Varint(uint64_t value) { size_ += VarintSize(value); }
  void Fixed(uint64_t) { size_ += 8; }
  void Bytes(std::string_view bytes) { size_ += bytes.size(); }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_->push_back(static_cast<char>(value | 0x80));
    out_->push_back(static_cast<char>(value));
  }
  void Fixed(uint64_t value) {
    for (int i = 0; i < 8; ++i) out_->push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
  void Bytes(std::string_view bytes) { out_->append(bytes); }

 private:
  std::string* out_;
};

template <class Sink>
void PutTag(Sink& sink, int number, WireType type) {
  sink.Varint((static_cast<uint64_t>(number) << 3) | type);
}

// As proto3 has it: what has the default value is left out.
template <class Sink>
void PutNumber(Sink& sink, int number, uint64_t value) {
  if (value == 0) return;
  PutTag(sink, number, kVarint);
  sink.Varint(value);
}
template <class Sink>
void PutTextAlways(Sink& sink, int number, std::string_view text) {
  PutTag(sink, number, kLength);
  sink.Varint(text.size());
  sink.Bytes(text);
}
template <class Sink>
void PutText(Sink& sink, int number, std::string_view text) {
  if (!text.empty()) PutTextAlways(sink, number, text);
}

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

template <class Part>
size_t SizeOf(const Part& part) {
  Counter counter;
  PutFields(counter, part);
  return counter.size();
}

template <class Sink, class Part>
void PutMessage(Sink& sink, int number, const Part& part) {
  PutTag(sink, number, kLength);
  sink.Varint(SizeOf(part));
  PutFields(sink, part);
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
}

template <class Sink>
void PutFields(Sink& sink, const core::Instance& instance) {
  const core::DerivedHealth derived = core::DeriveHealth(instance.facts);
  PutMessage(sink, 1, instance.spec);
  PutNumber(sink, 2, instance.incarnation.value());
  PutNumber(sink, 3, static_cast<uint64_t>(derived.health));
  PutNumber(sink, 4, static_cast<uint64_t>(derived.reason));
  PutText(sink, 5, instance.facts.message);
  PutNumber(sink, 6, static_cast<uint64_t>(instance.health_since_ms));
  if (instance.lease) {
    PutTag(sink, 7, kFixed64);
    sink.Fixed(instance.lease.value());
  }
  PutNumber(sink, 8, instance.changed.value());
  PutNumber(sink, 9, static_cast<uint64_t>(instance.created_ms));
  PutNumber(sink, 10, static_cast<uint64_t>(instance.changed_ms));
}

}  // namespace

void AppendInstanceElement(int field_number, const core::Instance& instance, std::string* out) {
  Writer writer(out);
  PutMessage(writer, field_number, instance);
}

}  // namespace registryd::wire
