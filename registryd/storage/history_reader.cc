#include "registryd/storage/history_reader.h"

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/storage/history_keys.h"
#include "registryd/storage/history_reader_impl.h"

namespace registryd::storage {
namespace {

bool InScope(const HistoryScope& scope, std::string_view name) {
  if (scope.prefix) return name.substr(0, scope.name.size()) == scope.name;
  return name.size() > scope.name.size() && name[scope.name.size()] == '/' &&
         name.substr(0, scope.name.size()) == scope.name;
}

}  // namespace

HistoryReader::Impl::Impl(std::shared_ptr<Database> held, size_t history_family)
    : database(std::move(held)),
      family(database->family(history_family)),
      snapshot(database->db().GetSnapshot()) {}

HistoryReader::Impl::~Impl() { database->db().ReleaseSnapshot(snapshot); }

rocksdb::ReadOptions HistoryReader::Impl::options() const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  return options;
}

absl::StatusOr<wire::HistoryEntry> HistoryReader::Impl::Get(Revision revision,
                                                            const wire::WantedName& wanted) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database->db().Get(options(), family, EntryKey(revision), &value);
  if (status.IsNotFound()) {
    return database->Damaged(Text("the history has no entry of revision ", revision));
  }
  if (!status.ok()) return database->Damaged(status.ToString());
  absl::StatusOr<wire::HistoryEntry> entry = wire::DecodeHistoryRecord(View(value), wanted);
  if (entry.ok() && entry->revision != revision) {
    entry = absl::DataLossError(Text("holds revision ", entry->revision));
  }
  if (!entry.ok()) {
    return database->Damaged(
        Text("history record ", revision, ": ", std::string(entry.status().message())));
  }
  return entry;
}

HistoryReader::HistoryReader(std::unique_ptr<Impl> impl, Revision floor, Revision last)
    : impl_(std::move(impl)), floor_(floor), last_(last) {}
HistoryReader::~HistoryReader() = default;

absl::Status HistoryReader::Forward(const HistoryScope& scope, Revision after, Revision to,
                                    const Take& take) {
  return Walk(scope, after, to, true, take);
}

absl::Status HistoryReader::Backward(const HistoryScope& scope, Revision after, Revision to,
                                     const Take& take) {
  return Walk(scope, after, to, false, take);
}

absl::Status HistoryReader::Walk(const HistoryScope& scope, Revision after, Revision to,
                                 bool forward, const Take& take) {
  after = std::max(after, floor_);
  to = std::min(to, last_);
  if (after >= to) return absl::OkStatus();
  const wire::WantedName wanted = [&scope](std::string_view name) { return InScope(scope, name); };
  const auto key = [&scope](Revision revision) {
    return scope.prefix ? EntryKey(revision) : ServiceKey(scope.name, revision);
  };
  const std::string lowest = key(after + 1);
  const std::string beyond = key(to + 1);
  const rocksdb::Slice lower(lowest);
  const rocksdb::Slice upper(beyond);
  rocksdb::ReadOptions options = impl_->options();
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> at(
      impl_->database->db().NewIterator(options, impl_->family));
  for (forward ? at->SeekToFirst() : at->SeekToLast(); at->Valid();
       forward ? at->Next() : at->Prev()) {
    const std::optional<Revision> revision = RevisionOfKey(View(at->key()));
    if (!revision) return impl_->database->Damaged("a key of the history cannot be read");
    ASSIGN_OR_RETURN(wire::HistoryEntry entry, impl_->Get(*revision, wanted));
    if (entry.changes.empty()) continue;
    if (!take(std::move(entry))) return absl::OkStatus();
  }
  if (!at->status().ok()) return impl_->database->Damaged(at->status().ToString());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> HistoryReader::TimeOf(Revision revision) {
  if (revision <= floor_ || revision > last_) return 0;
  ASSIGN_OR_RETURN(const wire::HistoryEntry entry,
                   impl_->Get(revision, [](std::string_view) { return false; }));
  return entry.time_ms;
}

// Every revision has an entry and the state's time never goes back, so this is a binary search.
absl::StatusOr<Revision> HistoryReader::At(int64_t time_ms) {
  Revision before = floor_;    // is early enough
  Revision after = last_ + 1;  // is too late
  while (after.value() - before.value() > 1) {
    const Revision middle(before.value() + (after.value() - before.value()) / 2);
    ASSIGN_OR_RETURN(const int64_t made_ms, TimeOf(middle));
    (made_ms <= time_ms ? before : after) = middle;
  }
  return before;
}

absl::StatusOr<uint64_t> HistoryReader::BytesAfter(Revision revision) {
  revision = std::max(revision, floor_);
  if (revision >= last_) return 0;
  const auto none = [](std::string_view) { return false; };
  ASSIGN_OR_RETURN(const wire::HistoryEntry first, impl_->Get(revision + 1, none));
  ASSIGN_OR_RETURN(const wire::HistoryEntry newest, impl_->Get(last_, none));
  return newest.position - first.position;
}

}  // namespace registryd::storage
