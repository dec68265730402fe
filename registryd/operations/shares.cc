#include "registryd/operations/shares.h"

#include <utility>

namespace registryd::operations {

std::shared_ptr<void> Shares::Take(std::string_view who) {
  // Something that is not null, and gives nothing back.
  if (most_ == 0) return books_;
  std::string key(who);
  {
    MutexLock lock(books_->mutex);
    size_t& held = books_->held[key];
    if (held >= most_) return nullptr;
    ++held;
  }
  return std::shared_ptr<void>(this, [books = books_, key = std::move(key)](void*) {
    MutexLock lock(books->mutex);
    const auto found = books->held.find(key);
    if (--found->second == 0) books->held.erase(found);
  });
}

}  // namespace registryd::operations
