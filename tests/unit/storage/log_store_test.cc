#include "registryd/storage/log_store.h"

#include <map>
#include <random>

#include "tests/unit/storage/log_fixture.h"

namespace registryd::storage {
namespace {

using consensus::EntryType;
using consensus::LogEntry;
using consensus::SnapshotRecord;
using consensus::Suffrage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kAll = 1u << 30;

TEST(LogStore, NewDirectoryIsEmpty) {
  TempDir dir;
  auto store = OpenLog({.dir = dir / "log"});
  const auto identity = store->LoadIdentity();
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_FALSE(identity->has_value());
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->term, Term(0));
  EXPECT_EQ(loaded->voted_for, NodeId(0));
  EXPECT_FALSE(loaded->snapshot.has_value());
  EXPECT_TRUE(loaded->entries.empty());
}

TEST(LogStore, BootstrapWritesIdentityTermAndFirstEntryOnce) {
  TempDir dir;
  const NodeIdentity identity{ClusterId(UINT64_MAX), NodeId(3), "node c"};
  {
    auto store = OpenLog({.dir = dir / "log"});
    ASSERT_TRUE(store->Bootstrap(identity, FirstConfiguration()).ok());
    const absl::Status again = store->Bootstrap(identity, FirstConfiguration());
    EXPECT_TRUE(absl::IsFailedPrecondition(again)) << again;
    EXPECT_THAT(again.message(), HasSubstr("'node c'"));
    EXPECT_TRUE(absl::IsFailedPrecondition(store->Join(identity)));
  }
  auto store = OpenLog({.dir = dir / "log"});
  const auto read = store->LoadIdentity();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, identity);
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->term, Term(1));
  EXPECT_EQ(loaded->first_index, LogIndex(1));
  ASSERT_EQ(loaded->entries.size(), 1u);
  EXPECT_EQ(loaded->entries[0].type, EntryType::kConfiguration);
  EXPECT_EQ(*loaded->entries[0].payload, "configuration");
}

TEST(LogStore, JoinWritesIdentityOnly) {
  TempDir dir;
  { ASSERT_TRUE(OpenLog({.dir = dir / "log"})->Join({ClusterId(7), NodeId(2), "b"}).ok()); }
  auto store = OpenLog({.dir = dir / "log"});
  EXPECT_EQ((*store->LoadIdentity())->name, "b");
  EXPECT_TRUE(absl::IsFailedPrecondition(
      store->Bootstrap({ClusterId(7), NodeId(2), "b"}, FirstConfiguration())));
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->entries.empty());
}

TEST(LogStore, EntriesTermAndVoteSurviveAReopen) {
  TempDir dir;
  {
    auto store = NewLog({.dir = dir / "log"});
    store->SaveTermAndVote(Term(4), NodeId(9));
    AppendSynced(*store, 2,
                 {Entry(2, "x"), Entry(3, "", EntryType::kBarrier),
                  Entry(4, "c", EntryType::kConfiguration), Entry(4, std::string("\0y", 2))});
  }
  auto store = OpenLog({.dir = dir / "log"});
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->term, Term(4));
  EXPECT_EQ(loaded->voted_for, NodeId(9));
  ASSERT_EQ(loaded->entries.size(), 5u);
  EXPECT_EQ(loaded->entries[2].type, EntryType::kBarrier);
  EXPECT_EQ(loaded->entries[2].term, Term(3));
  EXPECT_EQ(loaded->entries[1].payload, nullptr);
  EXPECT_EQ(*loaded->entries[3].payload, "c");
  EXPECT_THAT(Payloads(store->Read(LogIndex(1), LogIndex(5), kAll)),
              ElementsAre("configuration", "x", "", "c", std::string("\0y", 2)));
  EXPECT_EQ(store->Read(LogIndex(3), LogIndex(3), kAll)[0].type, EntryType::kBarrier);
}

TEST(LogStore, ReadStopsAtTheByteLimitButNotBeforeOneEntry) {
  TempDir dir;
  auto store = NewLog({.dir = dir / "log"});
  const auto check = [&store] {
    EXPECT_EQ(store->Read(LogIndex(2), LogIndex(5), 0).size(), 1u);
    EXPECT_EQ(store->Read(LogIndex(2), LogIndex(5), 19).size(), 1u);
    EXPECT_EQ(store->Read(LogIndex(2), LogIndex(5), 20).size(), 2u);
    EXPECT_EQ(store->Read(LogIndex(2), LogIndex(5), 39).size(), 3u);
    EXPECT_EQ(store->Read(LogIndex(2), LogIndex(5), kAll).size(), 4u);
  };
  const std::string ten(10, 'x');
  {
    SCOPED_TRACE("half of it unwritten");
    AppendSynced(*store, 2, {Entry(1, ten), Entry(1, ten)});
    HeldWriter held(*store, LogIndex(3));
    store->Append(LogIndex(4), {Entry(1, ten), Entry(1, ten)}, nullptr);
    check();
  }
  Drain(*store, LogIndex(5));
  check();
}

TEST(LogStore, AppendsThatWaitShareOneSync) {
  TempDir dir;
  auto store = NewLog({.dir = dir / "log"});
  AppendSynced(*store, 2, {Entry(1, "x")});
  HeldWriter held(*store, LogIndex(2));
  const LogStoreCounters before = store->counters();
  constexpr int kAppends = 20;
  Signal all;
  std::vector<int> order;
  for (int i = 0; i < kAppends; ++i) {
    store->Append(LogIndex(3 + static_cast<uint64_t>(i)), {Entry(1, "abc")}, [&order, &all, i] {
      order.push_back(i);
      if (i == kAppends - 1) all.Set();
    });
  }
  EXPECT_TRUE(order.empty());
  held.Release();
  ASSERT_TRUE(all.Wait());
  const LogStoreCounters after = store->counters();
  EXPECT_EQ(after.syncs - before.syncs, 1u);
  EXPECT_EQ(after.appends - before.appends, 20u);
  EXPECT_EQ(after.entries - before.entries, 20u);
  EXPECT_EQ(after.payload_bytes - before.payload_bytes, 60u);
  ASSERT_EQ(order.size(), 20u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(LogStore, ReadSeesWhatIsQueuedTruncatedAndCutBeforeItIsWritten) {
  TempDir dir;
  auto store = NewLog({.dir = dir / "log"});
  AppendSynced(*store, 2, {Entry(1, "b"), Entry(1, "c"), Entry(1, "d")});
  HeldWriter held(*store, LogIndex(4));
  store->Append(LogIndex(5), {Entry(1, "e"), Entry(1, "f")}, nullptr);
  EXPECT_THAT(Payloads(store->Read(LogIndex(3), LogIndex(6), kAll)),
              ElementsAre("c", "d", "e", "f"));
  store->Append(LogIndex(6), {Entry(2, "F")}, nullptr);  // cuts into what is queued
  EXPECT_THAT(Payloads(store->Read(LogIndex(3), LogIndex(6), kAll)),
              ElementsAre("c", "d", "e", "F"));
  store->Append(LogIndex(3), {Entry(3, "C"), Entry(3, "D")}, nullptr);  // and into what is written
  EXPECT_THAT(Payloads(store->Read(LogIndex(2), LogIndex(4), kAll)), ElementsAre("b", "C", "D"));
  store->Cut({LogIndex(3), Term(3), {}, LogIndex(1)}, LogIndex(3));
  EXPECT_THAT(Payloads(store->Read(LogIndex(3), LogIndex(4), kAll)), ElementsAre("C", "D"));
  store->SaveTermAndVote(Term(3), NodeId(1));  // beside the held queue
  held.Release();
  Drain(*store, LogIndex(4));
  EXPECT_THAT(Payloads(store->Read(LogIndex(3), LogIndex(4), kAll)), ElementsAre("C", "D"));
  store.reset();
  const auto loaded = OpenAndLoad(dir / "log");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->first_index, LogIndex(3));
  EXPECT_EQ(loaded->entries.size(), 2u);
  EXPECT_EQ(loaded->term, Term(3));
}

TEST(LogStore, DestructorWritesWhatWaitsAndRunsItsCallbacks) {
  TempDir dir;
  bool done = false;
  {
    auto store = NewLog({.dir = dir / "log"});
    HeldWriter held(*store, LogIndex(1));
    store->Append(LogIndex(2), {Entry(1, "x")}, [&done] { done = true; });
    held.Release();
    store.reset();
    EXPECT_TRUE(done);
  }
  EXPECT_EQ(OpenAndLoad(dir / "log")->entries.size(), 2u);
}

TEST(LogStore, SnapshotRecordSurvivesAndTheLogBeginsBehindTheCut) {
  TempDir dir;
  const SnapshotRecord record{LogIndex(5),
                              Term(2),
                              {{NodeId(1), "a:7600", Suffrage::kVoter},
                               {NodeId(2), "[::1]:7600", Suffrage::kStandby},
                               {NodeId(3), "", Suffrage::kSpare}},
                              LogIndex(4)};
  {
    auto store = NewLog({.dir = dir / "log"});
    store->SaveTermAndVote(Term(2), NodeId(1));
    AppendSynced(*store, 2,
                 {Entry(1, "b"), Entry(1, "c"), Entry(2, "d"), Entry(2, "e"), Entry(2, "f")});
    store->Cut(record, LogIndex(4));
    store->Cut(record, LogIndex(2));  // does not bring back what is gone
  }
  auto store = OpenLog({.dir = dir / "log"});
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->snapshot, record);
  EXPECT_EQ(loaded->first_index, LogIndex(4));
  EXPECT_EQ(loaded->entries.size(), 3u);
  EXPECT_THAT(Payloads(store->Read(LogIndex(4), LogIndex(6), kAll)), ElementsAre("d", "e", "f"));
}

TEST(LogStore, ASnapshotBeyondTheLogReplacesIt) {
  TempDir dir;
  {
    auto store = NewLog({.dir = dir / "log"});
    store->SaveTermAndVote(Term(6), NodeId(0));
    store->Append(LogIndex(2), {Entry(1, "b"), Entry(1, "c")}, nullptr);
    store->Cut({LogIndex(100), Term(6), {}, LogIndex(1)}, LogIndex(101));
    store->Append(LogIndex(101), {Entry(6, "new")}, nullptr);
    EXPECT_THAT(Payloads(store->Read(LogIndex(101), LogIndex(101), kAll)), ElementsAre("new"));
  }
  auto store = OpenLog({.dir = dir / "log"});
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->first_index, LogIndex(101));
  EXPECT_EQ(loaded->entries.size(), 1u);
}

// The store against a plain map, over random operations and reopenings.
TEST(LogStore, AgreesWithAModel) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&random](uint64_t n) { return random() % n; };
  TempDir dir;
  const LogStoreOptions options{.dir = dir / "log", .memtable_bytes = 64u << 10};
  auto store = NewLog(options);
  std::map<uint64_t, std::string> model{{1, "configuration"}};
  uint64_t next = 2;  // one beyond the last
  uint64_t term = 1;
  uint64_t snapshot = 0;
  for (int step = 0; step < 400; ++step) {
    const uint64_t first = model.empty() ? next : model.begin()->first;
    const uint64_t what = below(100);
    if (what < 60) {
      const uint64_t removable = next - std::max(first, snapshot + 1);
      const uint64_t at =
          below(6) == 0 && removable > 0 ? next - below(std::min<uint64_t>(removable, 20)) : next;
      if (at != next) store->SaveTermAndVote(Term(++term), NodeId(1 + below(3)));
      model.erase(model.lower_bound(at), model.end());
      std::vector<LogEntry> entries;
      for (uint64_t i = 0, n = 1 + below(5); i < n; ++i) {
        model[at + i] = std::string(below(2'000), static_cast<char>('a' + below(26)));
        entries.push_back(Entry(term, model[at + i]));
      }
      next = at + entries.size();
      store->Append(LogIndex(at), std::move(entries), nullptr);
    } else if (what < 66 && next > std::max(first, snapshot) + 30) {
      const uint64_t at = std::max(snapshot, first) + below(next - std::max(snapshot, first));
      const Term at_term = store->Read(LogIndex(at), LogIndex(at), kAll)[0].term;
      const uint64_t kept = first + below(at + 2 - first);
      store->Cut({LogIndex(at), at_term, {}, LogIndex(1)}, LogIndex(kept));
      snapshot = at;
      model.erase(model.begin(), model.lower_bound(kept));
    } else if (what < 67) {
      store.reset();
      store = OpenLog(options);
      const auto loaded = store->Load();
      ASSERT_TRUE(loaded.ok()) << loaded.status();
      ASSERT_EQ(loaded->term, Term(term));
      ASSERT_EQ(loaded->entries.size(), model.size());
    } else if (!model.empty()) {
      const uint64_t from = first + below(next - first);
      const uint64_t to = from + below(next - from);
      const auto read = store->Read(LogIndex(from), LogIndex(to), kAll);
      ASSERT_EQ(read.size(), to - from + 1);
      for (uint64_t i = from; i <= to; ++i) ASSERT_EQ(*read[i - from].payload, model[i]) << i;
    }
  }
}

TEST(LogStoreDeathTest, StopsOnCallsThatABugMakes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  TempDir dir;
  const auto open = [&dir](std::string_view name) {
    return NewLog({.dir = dir / name, .max_queued_bytes = 1'000});
  };
  EXPECT_DEATH(open("a")->Append(LogIndex(3), {Entry(1, "x")}, nullptr),
               "entries from 3 do not continue the log \\[1, 1\\]");
  EXPECT_DEATH(open("b")->Read(LogIndex(1), LogIndex(2), 1),
               "entries \\[1, 2\\] are not in the log \\[1, 1\\]");
  EXPECT_DEATH(open("c")->Cut({LogIndex(1), Term(1), {}, LogIndex(1)}, LogIndex(3)),
               "cut up to 3 beyond the snapshot at 1");
  EXPECT_DEATH(open("d")->Cut({LogIndex(5), Term(1), {}, LogIndex(1)}, LogIndex(3)),
               "snapshot at 5 beyond the log's end 1 leaves a gap");
  EXPECT_DEATH(open("e")->Append(LogIndex(2), {Entry(1, std::string(1'001, 'x'))}, nullptr),
               "1001 bytes wait for the log's disk");
  const auto replace_applied = [&open] {
    auto store = open("f");
    store->Cut({LogIndex(1), Term(1), {}, LogIndex(1)}, LogIndex(1));
    store->Append(LogIndex(1), {Entry(1, "x")}, nullptr);
  };
  EXPECT_DEATH(replace_applied(), "entry 1 would replace an applied one");
  const auto go_back = [&open] {
    auto store = open("g");
    store->Cut({LogIndex(9), Term(1), {}, LogIndex(1)}, LogIndex(10));
    store->Cut({LogIndex(8), Term(1), {}, LogIndex(1)}, LogIndex(9));
  };
  EXPECT_DEATH(go_back(), "snapshot at 8 is older than the one at 9");
}

}  // namespace
}  // namespace registryd::storage
