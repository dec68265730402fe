// A value that many threads read without locks while one replaces it.
//
//   Published<Table> table(std::make_unique<const Table>());
//   { auto reading = table.Read(); reading->Use(); }      // keep it short: a writer waits for it
//   table.Replace(std::make_unique<const Table>(...));    // frees the old one once nobody reads it
//
// Readers count themselves in and out, in a cell of their thread's, so that they do not share a
// cache line; two atomic additions and no wait. A writer swaps the pointer and waits until the
// readers of before are out. There are two sets of cells, and new readers go to the other one while
// a writer waits, so it waits only for readers that have begun already (sleepable RCU of the Linux
// kernel, McKenney 2006).
//
// Threads: Read any; Replace any, one after another.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

namespace registry {

// A small number of this thread, for spreading threads over cells.
inline uint32_t ThreadNumber() {
  static std::atomic<uint32_t> threads{0};
  constinit thread_local uint32_t mine = UINT32_MAX;
  if (mine == UINT32_MAX) mine = threads.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

template <class T>
class Published {
 public:
  class Reading {
   public:
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() { inside_->fetch_sub(1, std::memory_order_release); }
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_; }

   private:
    friend class Published;
    Reading(std::atomic<uint32_t>* inside, const std::atomic<const T*>* current) : inside_(inside) {
      // Both sequentially consistent, as the writer's swap and look are: whoever sees the old
      // pointer is counted before the writer looks.
      inside_->fetch_add(1, std::memory_order_seq_cst);
      value_ = current->load(std::memory_order_seq_cst);
    }

    std::atomic<uint32_t>* inside_;
    const T* value_;
  };

  explicit Published(std::unique_ptr<const T> value) : current_(value.release()) {}
  ~Published() { delete current_.load(); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  Reading Read() const {
    Cell& cell = cells_[ThreadNumber() % kCells];
    return Reading(&cell.inside[set_.load(std::memory_order_relaxed)], &current_);
  }

  void Replace(std::unique_ptr<const T> value) {
    std::lock_guard lock(writer_);
    const T* old = current_.exchange(value.release(), std::memory_order_seq_cst);
    // Each set once: a reader may have chosen its set before the last switch.
    for (int round = 0; round < 2; ++round) {
      const uint32_t before = set_.load(std::memory_order_relaxed);
      set_.store(1 - before, std::memory_order_seq_cst);
      for (Cell& cell : cells_) {
        while (cell.inside[before].load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
      }
    }
    delete old;
  }

 private:
  static constexpr size_t kCells = 16;
  struct alignas(64) Cell {
    std::array<std::atomic<uint32_t>, 2> inside{};
  };

  std::atomic<const T*> current_;
  std::atomic<uint32_t> set_{0};
  mutable std::array<Cell, kCells> cells_;
  std::mutex writer_;
};

}  // namespace registry
