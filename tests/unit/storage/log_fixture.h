// What the log store's tests share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "registryd/base/mutex.h"
#include "registryd/storage/log_store.h"
#include "tests/unit/storage/test_files.h"

namespace registryd::storage {

inline consensus::LogEntry Entry(uint64_t term, std::string bytes,
                                 consensus::EntryType type = consensus::EntryType::kCommand) {
  return {Term(term), type, std::make_shared<const std::string>(std::move(bytes))};
}

inline consensus::LogEntry FirstConfiguration() {
  return Entry(1, "configuration", consensus::EntryType::kConfiguration);
}

// Lets a test wait for a callback, with a deadline.
class Signal {
 public:
  void Set() {
    MutexLock lock(mutex_);
    set_ = true;
    changed_.NotifyAll();
  }
  [[nodiscard]] bool Wait() {
    MutexLock lock(mutex_);
    for (int i = 0; i < 600 && !set_; ++i) changed_.WaitFor(mutex_, 100);
    return set_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool set_ ABSL_GUARDED_BY(mutex_) = false;
};

// Holds the log-writer thread in a callback, so that what is appended meanwhile waits.
class HeldWriter {
 public:
  // Rewrites the log's last entry for it.
  HeldWriter(RocksLogStore& store, LogIndex last) {
    std::vector<consensus::LogEntry> again = store.Read(last, last, 1u << 20);
    store.Append(last, std::move(again), [this] {
      held_.Set();
      EXPECT_TRUE(release_.Wait());
    });
    EXPECT_TRUE(held_.Wait());
  }
  ~HeldWriter() { Release(); }
  void Release() { release_.Set(); }

 private:
  Signal held_;
  Signal release_;
};

inline std::unique_ptr<RocksLogStore> OpenLog(const LogStoreOptions& options) {
  auto store = RocksLogStore::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

// A new store with entry 1, loaded.
inline std::unique_ptr<RocksLogStore> NewLog(const LogStoreOptions& options) {
  auto store = OpenLog(options);
  const absl::Status status =
      store->Bootstrap({ClusterId(7), NodeId(1), "a"}, FirstConfiguration());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(store->Load().ok());
  return store;
}

// Appends and returns when it is on disk.
inline void AppendSynced(RocksLogStore& store, uint64_t first,
                         std::vector<consensus::LogEntry> entries) {
  Signal done;
  store.Append(LogIndex(first), std::move(entries), [&done] { done.Set(); });
  ASSERT_TRUE(done.Wait());
}

// Returns when everything that was queued is on disk.
inline void Drain(RocksLogStore& store, LogIndex last) {
  AppendSynced(store, last.value() + 1, {});
}

inline std::vector<std::string> Payloads(const std::vector<consensus::LogEntry>& entries) {
  std::vector<std::string> out;
  for (const auto& entry : entries) out.push_back(*entry.payload);
  return out;
}

// Opens and loads `dir`, or says why it cannot be.
inline absl::StatusOr<consensus::LogStore::Loaded> OpenAndLoad(const std::string& dir) {
  auto store = RocksLogStore::Open({.dir = dir});
  if (!store.ok()) return store.status();
  return (*store)->Load();
}

}  // namespace registryd::storage
