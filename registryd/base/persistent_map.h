// An ordered map whose versions share what did not change.
//
// A B+tree with copy-on-write nodes. One writer edits; Snapshot is a pointer copy, and a snapshot
// never changes, so any number of readers walk it without a lock while the writer goes on. A change
// copies one node a level, not the map: that is why registering into a service of 20,000 instances
// costs what registering into one of 20 does.
//
//   struct ByName { static std::string_view Key(const InstancePtr& i) { return i->name().id(); } };
//   PersistentMap<InstancePtr, ByName> map;
//   map.Put(instance);                  // inserts or replaces by key
//   auto snapshot = map.Snapshot();     // immutable; edits after this copy what they touch
//   const InstancePtr* found = snapshot.Find("i-1");
//
// LeafCache is a value that belongs to one leaf (at most kLeafMax entries) and is new,
// default-constructed, after each change of that leaf: a place for what readers derive from it,
// such as its encoded bytes. Readers get it const and make it safe for themselves.
//
// Threads: Put, Erase and Snapshot by one writer; a snapshot (and copies of it) by any thread.
// Cost: O(log n) compares and, after a Snapshot, one node copy a level. Keys are unique and must
// not change while their value is in a map.
//
// The idea is Clojure's transient collections: nodes made since the last Snapshot are the writer's
// own and are edited in place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace registryd {

struct NoLeafCache {};

template <class Value, class Traits, class LeafCache = NoLeafCache>
class PersistentMap {
 public:
  static constexpr size_t kNodeMax = 64;
  static constexpr size_t kNodeMin = kNodeMax / 4;
  static constexpr size_t kLeafMax = kNodeMax;

  PersistentMap() = default;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // nullptr: absent. The pointer lives as long as this version of the map.
  const Value* Find(std::string_view key) const {
    const Node* node = root_.get();
    if (node == nullptr) return nullptr;
    while (!node->leaf()) node = node->children[ChildFor(*node, key)].get();
    const size_t at = LowerBound(*node, key);
    if (at == node->values.size() || Traits::Key(node->values[at]) != key) return nullptr;
    return &node->values[at];
  }

  // Calls f(value) in key order from the first key >= `from`, until f returns false.
  template <class F>
  void ForEachFrom(std::string_view from, F f) const {
    if (root_ != nullptr) Walk(*root_, from, f);
  }
  template <class F>
  void ForEach(F f) const {
    ForEachFrom({}, [&f](const Value& value) {
      f(value);
      return true;
    });
  }
  // Calls f(values, cache) for every leaf in key order.
  template <class F>
  void ForEachLeaf(F f) const {
    if (root_ != nullptr) WalkLeaves(*root_, f);
  }

  void Put(Value value) {
    if (root_ == nullptr) root_ = std::make_shared<Node>(edit_);
    std::shared_ptr<Node> right = PutInto(root_, std::move(value));
    if (right != nullptr) {
      auto root = std::make_shared<Node>(edit_);
      root->children = {std::move(root_), std::move(right)};
      root_ = std::move(root);
    }
  }

  // False: it was not there.
  bool Erase(std::string_view key) {
    if (Find(key) == nullptr) return false;
    EraseFrom(root_, key);
    --size_;
    while (root_ != nullptr && !root_->leaf() && root_->children.size() == 1) {
      root_ = std::shared_ptr<Node>(root_->children[0]);
    }
    if (size_ == 0) root_ = nullptr;
    return true;
  }

  // A version that never changes. From here on the writer copies each node before it edits it.
  PersistentMap Snapshot() {
    ++edit_;
    return *this;
  }

 private:
  struct Node {
    explicit Node(uint64_t editor) : edit(editor) {}
    bool leaf() const { return children.empty(); }
    size_t size() const { return leaf() ? values.size() : children.size(); }

    uint64_t edit;  // the writer's edit number when this node was made
    std::vector<Value> values;
    std::vector<std::shared_ptr<Node>> children;
    LeafCache cache;
  };

  static std::string_view FirstKey(const Node& node) {
    const Node* at = &node;
    while (!at->leaf()) at = at->children[0].get();
    return Traits::Key(at->values[0]);
  }

  static size_t LowerBound(const Node& leaf, std::string_view key) {
    return static_cast<size_t>(
        std::lower_bound(leaf.values.begin(), leaf.values.end(), key,
                         [](const Value& v, std::string_view k) { return Traits::Key(v) < k; }) -
        leaf.values.begin());
  }

  // The last child whose first key is <= key, or the first child.
  static size_t ChildFor(const Node& node, std::string_view key) {
    const auto after = std::upper_bound(node.children.begin() + 1, node.children.end(), key,
                                        [](std::string_view k, const std::shared_ptr<Node>& child) {
                                          return k < FirstKey(*child);
                                        });
    return static_cast<size_t>(after - node.children.begin()) - 1;
  }

  // The node behind `link`, made the writer's own, with an empty cache.
  Node& Own(std::shared_ptr<Node>& link) {
    if (link->edit == edit_) {
      link->cache = LeafCache();
      return *link;
    }
    auto copy = std::make_shared<Node>(edit_);
    copy->values.reserve(std::min(link->values.size() + 1, kNodeMax + 1));
    copy->values = link->values;
    copy->children = link->children;
    link = std::move(copy);
    return *link;
  }

  // Moves the upper half of an overfull node into a new right neighbour; where its newest entry is
  // its last (`grew_at`), only that one: whoever inserts in order leaves full nodes behind.
  std::shared_ptr<Node> Split(Node& node, size_t grew_at) {
    if (node.size() <= kNodeMax) return nullptr;
    auto right = std::make_shared<Node>(edit_);
    const bool in_order = grew_at + 1 == node.size();
    const auto keep = static_cast<std::ptrdiff_t>(in_order ? kNodeMax : node.size() / 2);
    auto move_rest = [keep](auto& from, auto& to) {
      to.assign(std::make_move_iterator(from.begin() + keep), std::make_move_iterator(from.end()));
      from.erase(from.begin() + keep, from.end());
      from.shrink_to_fit();
    };
    if (node.leaf()) {
      move_rest(node.values, right->values);
    } else {
      move_rest(node.children, right->children);
    }
    return right;
  }

  std::shared_ptr<Node> PutInto(std::shared_ptr<Node>& link, Value value) {
    Node& node = Own(link);
    if (!node.leaf()) {
      const size_t child = ChildFor(node, Traits::Key(value));
      std::shared_ptr<Node> right = PutInto(node.children[child], std::move(value));
      if (right == nullptr) return nullptr;
      node.children.insert(node.children.begin() + static_cast<std::ptrdiff_t>(child) + 1,
                           std::move(right));
      return Split(node, child + 1);
    }
    const std::string_view key = Traits::Key(value);
    const size_t at = LowerBound(node, key);
    if (at < node.values.size() && Traits::Key(node.values[at]) == key) {
      node.values[at] = std::move(value);
      return nullptr;
    }
    node.values.insert(node.values.begin() + static_cast<std::ptrdiff_t>(at), std::move(value));
    ++size_;
    return Split(node, at);
  }

  void EraseFrom(std::shared_ptr<Node>& link, std::string_view key) {
    Node& node = Own(link);
    if (node.leaf()) {
      node.values.erase(node.values.begin() + static_cast<std::ptrdiff_t>(LowerBound(node, key)));
      return;
    }
    const size_t child = ChildFor(node, key);
    EraseFrom(node.children[child], key);
    if (node.children[child]->size() == 0) {
      node.children.erase(node.children.begin() + static_cast<std::ptrdiff_t>(child));
    } else if (node.children[child]->size() < kNodeMin && node.children.size() > 1) {
      const size_t left = child > 0 ? child - 1 : child;
      Join(node, left);
    }
  }

  // Joins child `left` with its right neighbour when both fit into one node.
  void Join(Node& node, size_t left) {
    if (node.children[left]->size() + node.children[left + 1]->size() > kNodeMax) return;
    Node& to = Own(node.children[left]);
    const Node& from = *node.children[left + 1];
    to.values.insert(to.values.end(), from.values.begin(), from.values.end());
    to.children.insert(to.children.end(), from.children.begin(), from.children.end());
    node.children.erase(node.children.begin() + static_cast<std::ptrdiff_t>(left) + 1);
  }

  template <class F>
  static bool Walk(const Node& node, std::string_view from, F& f) {
    if (node.leaf()) {
      for (size_t i = LowerBound(node, from); i < node.values.size(); ++i) {
        if (!f(node.values[i])) return false;
      }
      return true;
    }
    for (size_t i = ChildFor(node, from); i < node.children.size(); ++i) {
      if (!Walk(*node.children[i], from, f)) return false;
    }
    return true;
  }

  template <class F>
  static void WalkLeaves(const Node& node, F& f) {
    if (node.leaf()) {
      if (!node.values.empty()) f(node.values, static_cast<const LeafCache&>(node.cache));
      return;
    }
    for (const auto& child : node.children) WalkLeaves(*child, f);
  }

  std::shared_ptr<Node> root_;
  size_t size_ = 0;
  uint64_t edit_ = 1;
};

}  // namespace registryd
