// A text that most instances do not have, or share in being short: one pointer, and its bytes
// beside it where it is not empty. A std::string takes 32 bytes to say nothing.
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
#include <string>
#include <string_view>

namespace registryd::core {

class ShortText {
 public:
  ShortText() = default;
  ShortText(std::string_view text) { *this = text; }
  ShortText(const std::string& text) : ShortText(std::string_view(text)) {}
  ShortText(const char* text) : ShortText(std::string_view(text)) {}
  ShortText(const ShortText& other) : ShortText(std::string_view(other)) {}
  ShortText(ShortText&&) noexcept = default;
  ShortText& operator=(ShortText&&) noexcept = default;
  ShortText& operator=(const ShortText& other) { return *this = std::string_view(other); }
  ShortText& operator=(const std::string& text) { return *this = std::string_view(text); }
  ShortText& operator=(const char* text) { return *this = std::string_view(text); }
  ShortText& operator=(std::string_view text) {
    if (text.empty()) {
      held_ = nullptr;
      return *this;
    }
    const auto size = static_cast<uint32_t>(text.size());
    auto held = std::make_unique_for_overwrite<char[]>(sizeof(size) + size);
    std::memcpy(held.get(), &size, sizeof(size));
    std::memcpy(held.get() + sizeof(size), text.data(), size);
    held_ = std::move(held);
    return *this;
  }

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
