#include "registryd/storage/state_store.h"

#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "registryd/storage/rocks_database.h"
#include "tests/unit/storage/state_fixture.h"

namespace registryd::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(StateStore, ANewStoreIsEmpty) {
  TempDir dir;
  core::Registry registry;
  const auto position = OpenAndLoadState(dir / "state", &registry);
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(*position, StateStore::Position());
  EXPECT_EQ(registry.instance_count(), 0u);
  EXPECT_EQ(registry.counters(), core::Counters());
}

TEST(StateStore, LoadGivesTheRegistryThatWasCommitted) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  TempDir dir;
  StoredRegistry original(dir / "state");
  CommandSource commands(seed);
  for (int i = 0; i < 3'000; ++i) {
    const auto [context, command] = commands.Next(original.registry());
    original.Apply(context, command);
    if (i % 17 == 0) original.Commit();
  }
  original.Commit();
  ASSERT_GT(original.registry().instance_count(), 5u);
  ASSERT_GT(original.registry().counters().requests_seen, 300u);
  original.Close();

  core::Registry loaded;
  const auto position = OpenAndLoadState(dir / "state", &loaded);
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(*position, original.position());
  ExpectEqual(original.registry(), loaded);

  // They also go on alike: the request window and the leases' instances came along.
  for (int i = 0; i < 500; ++i) {
    const auto [context, command] = commands.Next(original.registry());
    const core::Outcome a = original.Apply(context, command);
    const core::Outcome b = loaded.Apply(context, command);
    ASSERT_EQ(a.duplicate, b.duplicate);
    ASSERT_EQ(a.reply.status, b.reply.status);
  }
  ExpectEqual(original.registry(), loaded);
}

TEST(StateStore, LaterOutcomesOfABatchOverrideEarlierOnes) {
  TempDir dir;
  StoredRegistry original(dir / "state");
  const auto reg = [&original](uint64_t i) {
    original.Apply(core::Register{{Spec(i)}, core::LeaseClaim{LeaseId(i), 6'000, "o"}});
  };
  const auto deregister = [&original](uint64_t i) {
    original.Apply(core::Deregister{{{Spec(i).name, Revision(0)}}});
  };
  reg(1);  // appears, goes, comes again, is changed
  deregister(1);
  reg(1);
  original.Apply(core::SetHealth{{Spec(1).name, Revision(0)}, core::Report::kDraining, "bye"});
  reg(2);  // appears and goes, with its lease
  original.Apply(core::RevokeLease{LeaseId(2), LeaseEpoch(0)});
  original.Commit();
  original.Close();

  core::Registry loaded;
  ASSERT_TRUE(OpenAndLoadState(dir / "state", &loaded).ok());
  ExpectEqual(original.registry(), loaded);
  EXPECT_EQ(loaded.Find(Spec(1).name)->health(), core::Health::kDraining);
  EXPECT_EQ(loaded.Find(Spec(2).name), nullptr);
  EXPECT_EQ(loaded.FindLease(LeaseId(2)), nullptr);
}

TEST(StateStore, AnEmptyBatchMovesThePositionOnly) {
  TempDir dir;
  {
    auto store = OpenState(dir / "state");
    StateBatch batch;
    store->Commit(batch, core::Counters(), {LogIndex(9), Term(2)});
    store->Commit(batch, core::Counters(), {LogIndex(11), Term(4)});
  }
  core::Registry loaded;
  EXPECT_EQ(*OpenAndLoadState(dir / "state", &loaded),
            (StateStore::Position{LogIndex(11), Term(4)}));
}

TEST(StateStore, SyncMayRunBesideCommits) {
  TempDir dir;
  StoredRegistry original(dir / "state");
  std::atomic<bool> done{false};
  std::thread syncer([&] {
    while (!done) original.store().Sync();
  });
  for (uint64_t i = 0; i < 300; ++i) {
    original.Apply(core::Register{{Spec(i)}, std::nullopt});
    original.Commit();
  }
  done = true;
  syncer.join();
  original.Close();
  core::Registry loaded;
  ASSERT_TRUE(OpenAndLoadState(dir / "state", &loaded).ok());
  ExpectEqual(original.registry(), loaded);
}

// Changes the store behind its back.
class StateContents : public testing::Test {
 protected:
  StateContents() {
    StoredRegistry original(dir_ / "state");
    core::Context context;
    context.request = {5, 6};
    original.Apply(context, core::Register{{Spec(1)}, core::LeaseClaim{LeaseId(1), 6'000, "o"}});
    original.Apply(core::Register{{Spec(2)}, std::nullopt});
    original.Commit();
  }
  void ExpectRefused(const std::function<void(Database&)>& change, std::string_view what,
                     absl::StatusCode code = absl::StatusCode::kDataLoss) {
    CopyTree(dir_ / "state", dir_ / "copy");
    {
      const size_t size = 1u << 20;
      auto database = Database::Open({.dir = dir_ / "copy",
                                      .families = {{"instances", size},
                                                   {"leases", size},
                                                   {"requests", size},
                                                   {"meta", size},
                                                   {"history", size},
                                                   {"services", size}}});
      ASSERT_TRUE(database.ok()) << database.status();
      change(**database);
    }
    core::Registry registry;
    const absl::Status status = OpenAndLoadState(dir_ / "copy", &registry).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(dir_ / "copy"), HasSubstr(std::string(what))));
  }
  TempDir dir_;
};

TEST_F(StateContents, ContradictionsAreNamed) {
  const std::string one = Spec(1).name.text();
  ExpectRefused([&](Database& d) { ASSERT_TRUE(d.db().Delete({}, d.family(0), one).ok()); },
                "digest");
  ExpectRefused(
      [&](Database& d) { ASSERT_TRUE(d.db().Put({}, d.family(0), one, "\xff\xff").ok()); },
      Text("instance record \"", one, "\": unreadable"));
  ExpectRefused(
      [&](Database& d) {
        std::string value;
        ASSERT_TRUE(d.db().Get({}, d.family(0), one, &value).ok());
        ASSERT_TRUE(d.db().Put({}, d.family(0), "default/x/y", value).ok());
      },
      Text("instance record \"default/x/y\": holds another instance, ", one));
  const std::string lease("\0\0\0\0\0\0\0\1", 8);
  ExpectRefused([&](Database& d) { ASSERT_TRUE(d.db().Delete({}, d.family(1), lease).ok()); },
                "lease 1, which is not there");
  ExpectRefused(
      [&](Database& d) {
        std::string value;
        ASSERT_TRUE(d.db().Get({}, d.family(1), lease, &value).ok());
        ASSERT_TRUE(d.db().Put({}, d.family(1), "short", value).ok());
      },
      "lease record \"short\": holds another lease, 1");
  const std::string slot("\0\0\0\0", 4);
  ExpectRefused([&](Database& d) { ASSERT_TRUE(d.db().Delete({}, d.family(2), slot).ok()); },
                "the request window holds 0 ids");
  ExpectRefused(
      [&](Database& d) { ASSERT_TRUE(d.db().Put({}, d.family(2), "\xff\xff\xff\xff", "").ok()); },
      "request record \"\\xff\\xff\\xff\\xff\": is not a slot of the window");
  ExpectRefused([&](Database& d) { ASSERT_TRUE(d.db().Delete({}, d.family(3), "state").ok()); },
                "the record of the applied index is missing");
  ExpectRefused(
      [&](Database& d) { ASSERT_TRUE(d.db().Put({}, d.family(3), "state", "\xff").ok()); },
      "unreadable state record");
}

TEST_F(StateContents, ANewerFormatIsNotCalledDamage) {
  const std::string format_99("\x48\x63", 2);  // field 9, varint 99
  ExpectRefused(
      [&](Database& d) { ASSERT_TRUE(d.db().Put({}, d.family(3), "state", format_99).ok()); },
      "state format 99", absl::StatusCode::kFailedPrecondition);
}

TEST(StateStoreDeathTest, AFailedCommitStopsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  TempDir dir;
  const auto commit_until_it_fails = [&dir] {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit;
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 1u << 20;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    StoredRegistry original(dir / "state");
    for (uint64_t i = 0; i < 1'000; ++i) {
      original.Apply(core::Register{{Spec(i, 40)}, std::nullopt});
      original.Commit();
    }
  };
  EXPECT_DEATH(commit_until_it_fails(), "writing to .*/state failed: .*File too large");
}

}  // namespace
}  // namespace registryd::storage
