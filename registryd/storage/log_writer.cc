#include "registryd/storage/log_writer.h"

#include <algorithm>
#include <future>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "rocksdb/convenience.h"

namespace registryd::storage {
namespace {

// A backlog beyond this is written in several batches, so that its copy in the batch stays bounded.
constexpr uint64_t kGroupBytes = 32ull << 20;

}  // namespace

LogWriter::LogWriter(Database& database, DiskSpace& space, uint64_t max_queued_bytes)
    : database_(database),
      space_(space),
      max_queued_bytes_(max_queued_bytes),
      thread_([this] { Run(); }) {}

LogWriter::~LogWriter() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  filled_.NotifyOne();
  thread_.join();
}

void LogWriter::Start(LogIndex first, LogIndex last, LogIndex snapshot) {
  MutexLock lock(mutex_);
  REGISTRYD_CHECK(!started_, "the log was loaded twice");
  started_ = true;
  tail_.Reset(first, last);
  snapshot_ = snapshot;
}

void LogWriter::Append(LogIndex first, std::vector<consensus::LogEntry> entries,
                       absl::AnyInvocable<void() &&> done) {
  Task task;
  for (const consensus::LogEntry& entry : entries) task.bytes += entry.payload->size();
  task.first = first;
  task.done = std::move(done);
  {
    MutexLock lock(mutex_);
    REGISTRYD_CHECK(started_, "append to a log that was not loaded");
    REGISTRYD_CHECK(
        first > snapshot_,
        Text("entry ", first, " would replace an applied one: the snapshot is at ", snapshot_));
    task.number = ++last_number_;
    task.remove_until = tail_.last() + 1;
    tail_.Append(first, entries, task.number);
    task.entries = std::move(entries);
    Push(std::move(task));
  }
  filled_.NotifyOne();
}

void LogWriter::Cut(StoredSnapshot snapshot) {
  {
    MutexLock lock(mutex_);
    REGISTRYD_CHECK(started_, "cut of a log that was not loaded");
    REGISTRYD_CHECK(
        snapshot.record.index >= snapshot_,
        Text("snapshot at ", snapshot.record.index, " is older than the one at ", snapshot_));
    REGISTRYD_CHECK(
        snapshot.first_kept <= snapshot.record.index + 1,
        Text("cut up to ", snapshot.first_kept, " beyond the snapshot at ", snapshot.record.index));
    REGISTRYD_CHECK(
        snapshot.record.index <= tail_.last() || snapshot.first_kept == snapshot.record.index + 1,
        Text("snapshot at ", snapshot.record.index, " beyond the log's end ", tail_.last(),
             " leaves a gap"));
    // What an earlier cut removed does not come back.
    snapshot.first_kept = std::max(snapshot.first_kept, tail_.first());
    Task task;
    task.number = ++last_number_;
    tail_.Cut(snapshot.first_kept);
    snapshot_ = snapshot.record.index;
    task.cut = std::move(snapshot);
    Push(std::move(task));
  }
  filled_.NotifyOne();
}

void LogWriter::Install(const consensus::SnapshotRecord& record, uint64_t generation) {
  std::promise<void> written;
  {
    MutexLock lock(mutex_);
    REGISTRYD_CHECK(started_, "install into a log that was not loaded");
    REGISTRYD_CHECK(record.index > snapshot_,
                    Text("snapshot at ", record.index, " is older than the one at ", snapshot_));
    Task task;
    task.number = ++last_number_;
    tail_.Reset(record.index + 1, record.index);
    snapshot_ = record.index;
    task.cut = StoredSnapshot{record, record.index + 1};
    task.installed_generation = generation;
    task.done = [&written] { written.set_value(); };
    Push(std::move(task));
  }
  filled_.NotifyOne();
  written.get_future().wait();
}

void LogWriter::Push(Task task) {
  queued_bytes_ += task.bytes;
  REGISTRYD_CHECK(
      queued_bytes_ <= max_queued_bytes_,
      Text(queued_bytes_, " bytes wait for the log's disk; the raft driver must bound them"));
  tasks_.push_back(std::move(task));
}

bool LogWriter::TakeTasks(std::vector<Task>* tasks) {
  tasks->clear();
  MutexLock lock(mutex_);
  while (tasks_.empty() && !stopping_) filled_.Wait(mutex_);
  tasks->swap(tasks_);
  return !tasks->empty();
}

void LogWriter::Run() {
  std::vector<Task> tasks;
  rocksdb::WriteBatch batch;
  while (TakeTasks(&tasks)) {
    for (size_t begin = 0; begin < tasks.size();) {
      size_t end = begin;
      uint64_t bytes = 0;
      while (end < tasks.size() && bytes < kGroupBytes) bytes += tasks[end++].bytes;
      WriteGroup(tasks, begin, end, batch);
      begin = end;
    }
  }
}

void LogWriter::WriteGroup(std::vector<Task>& tasks, size_t begin, size_t end,
                           rocksdb::WriteBatch& batch) {
  batch.Clear();
  uint64_t entries = 0;
  uint64_t bytes = 0;
  for (size_t i = begin; i < end; ++i) {
    AddToBatch(tasks[i], batch);
    entries += tasks[i].entries.size();
    bytes += tasks[i].bytes;
  }
  WriteSynced(batch);
  appends_.fetch_add(end - begin, std::memory_order_relaxed);
  entries_.fetch_add(entries, std::memory_order_relaxed);
  payload_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  {
    MutexLock lock(mutex_);
    tail_.Written(tasks[end - 1].number);
    queued_bytes_ -= bytes;
  }
  for (size_t i = begin; i < end; ++i) {
    if (tasks[i].done) std::move(tasks[i].done)();
    tasks[i].entries = {};
  }
  // Behind the callbacks: nobody waits for it.
  for (size_t i = begin; i < end; ++i) {
    if (tasks[i].cut) DropFilesBefore(tasks[i].cut->first_kept);
  }
}

void LogWriter::AddToBatch(const Task& task, rocksdb::WriteBatch& batch) {
  rocksdb::ColumnFamilyHandle* log = database_.family(kLogFamily);
  rocksdb::Status status;
  if (task.cut) {
    status = batch.Put(database_.family(kMetaFamily), std::string(kSnapshotKey),
                       EncodeSnapshot(*task.cut));
    LogIndex end = task.cut->first_kept;
    if (task.installed_generation) {
      end = LogIndex(UINT64_MAX);
      if (status.ok()) {
        status = batch.Put(database_.family(kMetaFamily), std::string(kGenerationKey),
                           EncodeGeneration(*task.installed_generation));
      }
    }
    if (status.ok()) {
      status = batch.DeleteRange(log, EncodeLogKey(LogIndex(0)), EncodeLogKey(end));
    }
  }
  if (status.ok() && task.first < task.remove_until) {
    status = batch.DeleteRange(log, EncodeLogKey(task.first), EncodeLogKey(task.remove_until));
  }
  LogIndex index = task.first;
  for (const consensus::LogEntry& entry : task.entries) {
    if (!status.ok()) break;
    const std::string key = EncodeLogKey(index);
    const std::string header = EncodeEntryHeader({entry.term, entry.type});
    const rocksdb::Slice key_part(key);
    const rocksdb::Slice value_parts[] = {header, *entry.payload};
    status = batch.Put(log, rocksdb::SliceParts(&key_part, 1), rocksdb::SliceParts(value_parts, 2));
    ++index;
  }
  database_.MustSucceed(status, "preparing a write to");
}

// Table files of which nothing is kept go at once; what is deleted in the others goes with their
// next compaction.
void LogWriter::DropFilesBefore(LogIndex first_kept) {
  const std::string begin = EncodeLogKey(LogIndex(0));
  const std::string end = EncodeLogKey(first_kept);
  const rocksdb::Slice begin_slice(begin);
  const rocksdb::Slice end_slice(end);
  database_.MustSucceed(rocksdb::DeleteFilesInRange(&database_.db(), database_.family(kLogFamily),
                                                    &begin_slice, &end_slice,
                                                    /*include_end=*/false),
                        "deleting table files of");
}

void LogWriter::WriteSynced(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  database_.MustSucceed(database_.db().Write(options, &batch), "writing to");
  syncs_.fetch_add(1, std::memory_order_relaxed);
  space_.Written(batch.GetDataSize());
}

LogIndex LogWriter::ReadUnwritten(LogIndex first, LogIndex last, size_t max_bytes,
                                  std::vector<consensus::LogEntry>* entries) {
  MutexLock lock(mutex_);
  REGISTRYD_CHECK(started_ && first >= tail_.first() && first <= last && last <= tail_.last(),
                  Text("entries [", first, ", ", last, "] are not in the log [", tail_.first(),
                       ", ", tail_.last(), "]"));
  const LogIndex begin = std::min(std::max(first, tail_.first_unwritten()), last + 1);
  size_t bytes = 0;
  for (LogIndex index = begin; index <= last; ++index) {
    const consensus::LogEntry& entry = tail_.At(index);
    bytes += entry.payload->size();
    if (bytes > max_bytes && !entries->empty()) break;
    entries->push_back(entry);
  }
  return begin;
}

LogStoreCounters LogWriter::counters() const {
  return {.appends = appends_.load(std::memory_order_relaxed),
          .entries = entries_.load(std::memory_order_relaxed),
          .payload_bytes = payload_bytes_.load(std::memory_order_relaxed),
          .syncs = syncs_.load(std::memory_order_relaxed)};
}

}  // namespace registryd::storage
