// How much may be under way: proposals that wait, are in the log, or are being applied.
//
//   std::optional<Admission::Ticket> ticket = admission->Admit(command.size());
//   if (!ticket) ...RESOURCE_EXHAUSTED...
//   done = [ticket = *std::move(ticket), ...] { ... };      // what it took is free again when the
//   ticket goes
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace registryd::consensus {

class Admission : public std::enable_shared_from_this<Admission> {
 public:
  Admission(size_t max_proposals, size_t max_bytes)
      : max_proposals_(max_proposals), max_bytes_(max_bytes) {}

  class Ticket {
   public:
    Ticket(std::shared_ptr<Admission> admission, size_t bytes)
        : admission_(std::move(admission)), bytes_(bytes) {}
    Ticket(Ticket&&) = default;  // the source is empty then
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (admission_ != nullptr) admission_->Release(bytes_);
    }

   private:
    std::shared_ptr<Admission> admission_;
    size_t bytes_;
  };

  // Empty: one of the limits is reached. A single proposal is refused only by its own size.
  std::optional<Ticket> Admit(size_t bytes) {
    if (proposals_.fetch_add(1, std::memory_order_relaxed) >= max_proposals_) {
      proposals_.fetch_sub(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > max_bytes_) {
      Release(bytes);
      return std::nullopt;
    }
    return std::optional<Ticket>(std::in_place, shared_from_this(), bytes);
  }

  size_t proposals() const { return proposals_.load(std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  void Release(size_t bytes) {
    proposals_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  const size_t max_proposals_;
  const size_t max_bytes_;
  std::atomic<size_t> proposals_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace registryd::consensus
