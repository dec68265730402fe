// The instances that one lease keeps alive, in the order of their names. Used by core/registry.h
// only.
//
// Most leases have exactly one instance, and there may be a million of them: one instance takes no
// memory beside the two words of this object. More of them are a search tree, so a sidecar's lease
// with many is O(log n) per change. The pointers are borrowed: the registry's instance table owns
// the instances and tells this set before one goes.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <variant>

#include "absl/container/btree_set.h"
#include "registryd/core/types.h"

namespace registryd::core {

class AttachedInstances {
 public:
  void Insert(const Instance* instance) {
    if (auto* many = std::get_if<Many>(&held_)) {
      (*many)->insert(instance);
      return;
    }
    const Instance*& one = std::get<const Instance*>(held_);
    if (one == nullptr) {
      one = instance;
      return;
    }
    auto both = std::make_unique<Tree>();
    both->insert(one);
    both->insert(instance);
    held_ = std::move(both);
  }

  void Erase(const Instance* instance) {
    if (auto* many = std::get_if<Many>(&held_)) {
      (*many)->erase(instance);
    } else if (std::get<const Instance*>(held_) == instance) {
      held_ = nullptr;
    }
  }

  size_t size() const {
    if (const auto* many = std::get_if<Many>(&held_)) return (*many)->size();
    return std::get<const Instance*>(held_) == nullptr ? 0 : 1;
  }

  // `f` may destroy the instance that it is given, but must not change this set.
  template <class F>
  void ForEach(F f) const {
    if (const auto* many = std::get_if<Many>(&held_)) {
      for (const Instance* instance : **many) f(*instance);
    } else if (const Instance* one = std::get<const Instance*>(held_)) {
      f(*one);
    }
  }

 private:
  struct ByName {
    bool operator()(const Instance* a, const Instance* b) const { return a->name() < b->name(); }
  };
  using Tree = absl::btree_set<const Instance*, ByName>;
  using Many = std::unique_ptr<Tree>;
  std::variant<const Instance*, Many> held_ = nullptr;
};

}  // namespace registryd::core
