// A text of few bytes, or none: one pointer, and the bytes beside it where there are some. A
// std::string takes 32 bytes to say nothing, and an instance has a handful of them; Boxed
// (core/boxed.h) is for what nearly all instances lack.
//
//   ShortText zone = "eu-1";
//   std::string_view text = zone;
//
// Threads: as std::string. Cost: an allocation where it is not empty.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace registryd::core {

class ShortText {
 public:
  ShortText() = default;
  template <std::convertible_to<std::string_view> T>
  ShortText(const T& from) {
    const std::string_view text = from;
    if (text.empty()) return;
    const auto size = static_cast<uint32_t>(text.size());
    held_ = std::make_unique_for_overwrite<char[]>(sizeof(size) + size);
    std::memcpy(held_.get(), &size, sizeof(size));
    std::memcpy(held_.get() + sizeof(size), text.data(), size);
  }
  ShortText(const ShortText& other) : ShortText(std::string_view(other)) {}
  ShortText(ShortText&&) noexcept = default;
  ShortText& operator=(const ShortText& other) { return *this = ShortText(other); }
  ShortText& operator=(ShortText&&) noexcept = default;

  operator std::string_view() const {
    uint32_t size = 0;
    if (held_ == nullptr) return {};
    std::memcpy(&size, held_.get(), sizeof(size));
    return {held_.get() + sizeof(size), size};
  }
  bool empty() const { return held_ == nullptr; }

  template <std::convertible_to<std::string_view> T>
  friend bool operator==(const ShortText& a, const T& b) {
    return std::string_view(a) == std::string_view(b);
  }

 private:
  std::unique_ptr<char[]> held_;
};

}  // namespace registryd::core
