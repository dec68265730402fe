// A value that is rarely there: one pointer while it equals T(), its own memory otherwise. Copies
// are deep and equality is of values, so that it behaves like the T that it stands for.
//
//   Boxed<RareFacts> rare;              // 8 bytes
//   rare->check_message;                // reads "" while nothing was set
//   rare.Edit([](RareFacts& f) { f.check_message = "HTTP 503"; });
//
// Threads: as T.
#pragma once

#include <memory>
#include <utility>

namespace registryd::core {

template <class T>
class Boxed {
 public:
  Boxed() = default;
  explicit Boxed(T value) { Set(std::move(value)); }
  Boxed(const Boxed& other) { *this = other; }
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) {
    if (this != &other) held_ = other.held_ ? std::make_unique<T>(*other.held_) : nullptr;
    return *this;
  }
  Boxed& operator=(Boxed&&) noexcept = default;

  const T& operator*() const {
    static const T nothing{};
    return held_ ? *held_ : nothing;
  }
  const T* operator->() const { return &**this; }
  bool empty() const { return held_ == nullptr; }

  template <class Change>
  void Edit(Change change) {
    T value = **this;
    change(value);
    Set(std::move(value));
  }

  friend bool operator==(const Boxed& a, const Boxed& b) { return a.held_ == b.held_ || *a == *b; }

 private:
  void Set(T value) { held_ = value == T() ? nullptr : std::make_unique<T>(std::move(value)); }
  std::unique_ptr<T> held_;
};

}  // namespace registryd::core
