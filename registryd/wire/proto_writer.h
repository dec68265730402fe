// Protobuf's bytes written straight from core's types: no message object, no allocation for each
// string. For the few messages that are written with every change; everything else goes through the
// generated classes. Used by the codecs of this folder only.
//
//   template <class Sink>
//   void PutFields(Sink& sink, const core::Label& label) {
//     PutText(sink, 1, label.key);
//     PutText(sink, 2, label.value);
//   }
//   Writer writer(&bytes);
//   PutMessage(writer, 4, label);       // tag, length, fields
//
// A message is a PutFields function in the field numbers' order; it runs with two sinks, one that
// counts and one that writes. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace registryd::wire {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2 };

class Counter {
 public:
  void Varint(uint64_t value) {
    ++size_;
    for (; value >= 0x80; value >>= 7) ++size_;
  }
  void Fixed(uint64_t) { size_ += 8; }
  void Bytes(std::string_view bytes) { Skip(bytes.size()); }
  void Skip(size_t size) { size_ += size; }
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
void PutFixed(Sink& sink, int number, uint64_t value) {
  if (value == 0) return;
  PutTag(sink, number, kFixed64);
  sink.Fixed(value);
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

// `put(sink)` writes the message's fields.
template <class Sink, class Put>
void PutMessageBy(Sink& sink, int number, Put put) {
  Counter counter;
  put(counter);
  PutTag(sink, number, kLength);
  sink.Varint(counter.size());
  if constexpr (std::is_same_v<Sink, Counter>) {
    sink.Skip(counter.size());
  } else {
    put(sink);
  }
}

}  // namespace registryd::wire
