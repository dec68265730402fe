#include "tests/support/linearizability.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace registryd::testing {
namespace {

std::string Describe(const Operation& operation) {
  return std::string(operation.kind == Operation::Kind::kWrite ? "write" : "read") + " of " +
         operation.key + " = \"" + operation.value + "\" by client " +
         std::to_string(operation.client) + " from " + std::to_string(operation.called) + " to " +
         (operation.returned == Operation::kUnknown ? "?" : std::to_string(operation.returned)) +
         " at revision " + std::to_string(operation.revision);
}

// The search over one key. Calls and returns stand in a list in the order of time; an operation
// that is given its place in the order is taken out of it.
class Search {
 public:
  explicit Search(std::vector<Operation> operations) : operations_(std::move(operations)) {
    struct At {
      int64_t time;
      bool returns;
      size_t operation;
    };
    std::vector<At> order;
    for (size_t i = 0; i < operations_.size(); ++i) {
      order.push_back({operations_[i].called, false, i});
      if (operations_[i].returned != Operation::kUnknown) {
        order.push_back({operations_[i].returned, true, i});
        ++open_;
      }
    }
    // At the same time a call comes first: the two may overlap.
    std::stable_sort(order.begin(), order.end(), [](const At& a, const At& b) {
      return std::pair(a.time, a.returns) < std::pair(b.time, b.returns);
    });
    events_.resize(order.size() + 2);  // with both ends
    call_.resize(operations_.size());
    return_.assign(operations_.size(), 0);
    for (size_t i = 0; i < order.size(); ++i) {
      events_[i + 1] = {order[i].operation, order[i].returns, i, i + 2};
      (order[i].returns ? return_ : call_)[order[i].operation] = i + 1;
    }
    events_.front().next = 1;
    events_.back().previous = order.size();
    done_.assign(operations_.size(), false);
  }

  enum class Result { kGood, kBad, kTooMany };
  Result Run() {
    size_t at = events_.front().next;
    while (open_ > 0) {
      const bool end = at == events_.size() - 1;
      if (!end && !events_[at].returns) {
        const size_t i = events_[at].operation;
        const Operation& operation = operations_[i];
        const bool write = operation.kind == Operation::Kind::kWrite;
        if (write || operation.value == state_) {
          std::string before = state_;
          if (write) state_ = operation.value;
          done_[i] = true;
          if (seen_.emplace(done_, state_).second) {
            if (seen_.size() > kSearchMax) return Result::kTooMany;
            path_.emplace_back(i, std::move(before));
            if (return_[i] != 0) --open_;
            Take(i);
            deepest_ = std::max(deepest_, path_.size());
            at = events_.front().next;
            continue;
          }
          done_[i] = false;
          state_ = std::move(before);
        }
        at = events_[at].next;
        continue;
      }
      // Something returned that has no place yet: the last choice was wrong.
      if (!end) stuck_ = events_[at].operation;
      if (path_.empty()) return Result::kBad;
      const size_t i = path_.back().first;
      state_ = std::move(path_.back().second);
      path_.pop_back();
      done_[i] = false;
      if (return_[i] != 0) ++open_;
      PutBack(i);
      at = events_[call_[i]].next;
    }
    return Result::kGood;
  }
  const Operation& stuck() const { return operations_[stuck_]; }
  size_t deepest() const { return deepest_; }

 private:
  struct Event {
    size_t operation = 0;
    bool returns = false;
    size_t previous = 0;
    size_t next = 0;
  };
  void Unlink(size_t e) {
    events_[events_[e].previous].next = events_[e].next;
    events_[events_[e].next].previous = events_[e].previous;
  }
  void Link(size_t e) {
    events_[events_[e].previous].next = e;
    events_[events_[e].next].previous = e;
  }
  void Take(size_t i) {
    Unlink(call_[i]);
    if (return_[i] != 0) Unlink(return_[i]);
  }
  void PutBack(size_t i) {
    if (return_[i] != 0) Link(return_[i]);
    Link(call_[i]);
  }

  const std::vector<Operation> operations_;
  std::vector<Event> events_;
  std::vector<size_t> call_;
  std::vector<size_t> return_;  // 0: never
  size_t open_ = 0;             // that returned and have no place yet
  std::vector<bool> done_;
  std::string state_;
  std::set<std::pair<std::vector<bool>, std::string>> seen_;
  std::vector<std::pair<size_t, std::string>> path_;  // with the state before
  size_t deepest_ = 0;
  size_t stuck_ = 0;
};

}  // namespace

std::optional<std::string> CheckLinearizable(const History& history) {
  std::map<std::string, std::vector<Operation>> by_key;
  for (const Operation& operation : history) by_key[operation.key].push_back(operation);
  for (auto& [key, operations] : by_key) {
    std::set<std::string> written = {""};
    for (const Operation& operation : operations) {
      if (operation.kind != Operation::Kind::kWrite) continue;
      if (!written.insert(operation.value).second) return "written twice: " + Describe(operation);
    }
    for (const Operation& operation : operations) {
      if (written.count(operation.value) == 0) return "never written: " + Describe(operation);
    }
    // A write of unknown outcome that nobody read explains nothing; without them the search is
    // short.
    std::set<std::string> read;
    for (const Operation& operation : operations) {
      if (operation.kind == Operation::Kind::kRead) read.insert(operation.value);
    }
    std::erase_if(operations, [&read](const Operation& operation) {
      return operation.returned == Operation::kUnknown && read.count(operation.value) == 0;
    });
    Search search(operations);
    switch (search.Run()) {
      case Search::Result::kGood:
        break;
      case Search::Result::kBad:
        return "no order explains " + Describe(search.stuck()) + "; " +
               std::to_string(search.deepest()) + " of " + std::to_string(operations.size()) +
               " operations have one";
      case Search::Result::kTooMany:
        return "key " + key + " has too many overlapping operations to be decided";
    }
  }
  return std::nullopt;
}

std::optional<std::string> CheckRevisions(const History& history) {
  std::vector<const Operation*> by_call;
  std::vector<const Operation*> by_return;
  for (const Operation& operation : history) {
    if (operation.returned == Operation::kUnknown) continue;
    by_call.push_back(&operation);
    by_return.push_back(&operation);
  }
  std::sort(by_call.begin(), by_call.end(),
            [](const Operation* a, const Operation* b) { return a->called < b->called; });
  std::sort(by_return.begin(), by_return.end(),
            [](const Operation* a, const Operation* b) { return a->returned < b->returned; });
  const Operation* latest = nullptr;  // of those that had returned
  size_t returned = 0;
  for (const Operation* operation : by_call) {
    for (; returned < by_return.size() && by_return[returned]->returned < operation->called;
         ++returned) {
      if (latest == nullptr || by_return[returned]->revision > latest->revision) {
        latest = by_return[returned];
      }
    }
    if (latest == nullptr) continue;
    const bool write = operation->kind == Operation::Kind::kWrite;
    if (operation->revision < latest->revision + (write ? 1 : 0)) {
      return "the revision of [" + Describe(*operation) + "] is not after that of [" +
             Describe(*latest) + "], which had returned before";
    }
  }
  return std::nullopt;
}

}  // namespace registryd::testing
