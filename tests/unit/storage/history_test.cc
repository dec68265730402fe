// The history beside the state: what it tells is what happened, also after a restart, and it
// forgets from its beginning only.

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "registryd/storage/history_reader.h"
#include "tests/unit/storage/state_fixture.h"

namespace registryd::storage {
namespace {

using Picture = std::map<std::string, core::InstancePtr>;

// Random commands, committed a few at a time, with every picture that there ever was.
class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() : seed_(std::random_device{}()), source_(seed_), random_(seed_) {
    store_ = OpenState(dir_ / "state");
    registry_.SetCluster(ClusterId(42));
    pictures_.resize(1);
    times_.push_back(0);
  }

  void Apply(int commands) {
    StateBatch batch;
    for (int i = 0; i < commands; ++i) {
      auto [context, command] = source_.Next(registry_);
      context.actor = "actor-" + std::to_string(random_() % 3);
      const core::Outcome outcome = registry_.Apply(context, command);
      batch.Add(outcome);
      ++index_;
      if (!outcome.instances.empty()) {
        Picture picture = pictures_.back();
        for (const auto& change : outcome.instances) {
          if (change.after) {
            picture[change.name().text()] = change.after;
          } else {
            picture.erase(change.name().text());
          }
        }
        pictures_.push_back(std::move(picture));
        times_.push_back(outcome.time_ms);
        actors_[outcome.reply.revision.value()] = context.actor;
      }
      if (random_() % 3 == 0) Commit(batch);
    }
    Commit(batch);
  }
  void Commit(StateBatch& batch) {
    store_->Commit(batch, registry_.counters(), {index_, Term(3)});
    batch.Clear();
  }
  void Trim(Revision floor) {
    StateBatch batch;
    batch.Add(registry_.Apply({.time_ms = 0, .term = Term(3), .request = {}, .actor = ""},
                              core::TrimHistory{floor}));
    ++index_;
    Commit(batch);
  }
  void Reopen() {
    store_ = nullptr;
    store_ = OpenState(dir_ / "state");
    core::Registry loaded;
    ASSERT_TRUE(store_->Load(&loaded).ok());
    ExpectEqual(loaded, registry_);
  }
  std::unique_ptr<HistoryReader> Read() {
    auto reader = store_->ReadHistory();
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }
  static bool Wanted(const HistoryScope& scope, const std::string& name) {
    return scope.prefix ? name.rfind(scope.name, 0) == 0 : name.rfind(scope.name + "/", 0) == 0;
  }
  // The change of one instance at a revision: what was, and what is. Both null: it did not change.
  std::pair<core::InstancePtr, core::InstancePtr> Truth(uint64_t revision,
                                                        const std::string& name) const {
    const auto in = [&name](const Picture& picture) {
      const auto found = picture.find(name);
      return found == picture.end() ? nullptr : found->second;
    };
    return {in(pictures_[revision - 1]), in(pictures_[revision])};
  }
  uint64_t last() const { return pictures_.size() - 1; }

  // Everything that the reader tells of (after, to] is what happened, forward and backward.
  void ExpectTruth(HistoryReader& reader, const HistoryScope& scope, uint64_t after, uint64_t to) {
    std::vector<wire::HistoryEntry> told;
    ASSERT_TRUE(reader
                    .Forward(scope, Revision(after), Revision(to),
                             [&](wire::HistoryEntry&& entry) {
                               told.push_back(std::move(entry));
                               return true;
                             })
                    .ok());
    std::vector<uint64_t> backward;
    ASSERT_TRUE(reader
                    .Backward(scope, Revision(after), Revision(to),
                              [&](wire::HistoryEntry&& entry) {
                                backward.push_back(entry.revision.value());
                                return true;
                              })
                    .ok());
    std::reverse(backward.begin(), backward.end());
    size_t at = 0;
    for (uint64_t revision = after + 1; revision <= to; ++revision) {
      std::map<std::string, bool> changed;  // those of the scope
      for (const auto& [name, instance] : pictures_[revision]) {
        const auto [was, is] = Truth(revision, name);
        if (was != is && Wanted(scope, name)) changed[name] = true;
      }
      for (const auto& [name, instance] : pictures_[revision - 1]) {
        if (pictures_[revision].count(name) == 0 && Wanted(scope, name)) changed[name] = true;
      }
      if (changed.empty()) continue;
      ASSERT_LT(at, told.size()) << "revision " << revision << " is missing";
      const wire::HistoryEntry& entry = told[at];
      ASSERT_EQ(entry.revision.value(), revision);
      EXPECT_EQ(backward[at], revision);
      EXPECT_EQ(entry.time_ms, times_[revision]);
      EXPECT_EQ(entry.actor, actors_[revision]);
      ASSERT_EQ(entry.changes.size(), changed.size());
      for (const auto& change : entry.changes) {
        const auto [was, is] = Truth(revision, change.name().text());
        ASSERT_EQ(change.before == nullptr, was == nullptr);
        ASSERT_EQ(change.after == nullptr, is == nullptr);
        EXPECT_TRUE(was == nullptr || *change.before == *was);
        EXPECT_TRUE(is == nullptr || *change.after == *is);
      }
      ++at;
    }
    EXPECT_EQ(at, told.size());
    EXPECT_EQ(at, backward.size());
  }

  TempDir dir_;
  const uint64_t seed_;
  CommandSource source_;
  std::mt19937_64 random_;
  std::unique_ptr<StateStore> store_;
  core::Registry registry_;
  LogIndex index_;
  std::vector<Picture> pictures_;  // by revision
  std::vector<int64_t> times_;     // by revision
  std::map<uint64_t, std::string> actors_;
};

TEST_F(HistoryTest, TellsWhatHappenedAlsoAfterARestart) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  Apply(400);
  Reopen();
  Apply(200);
  const auto reader = Read();
  EXPECT_EQ(reader->floor(), Revision(0));
  EXPECT_EQ(reader->last(), Revision(last()));
  ExpectTruth(*reader, {"", true}, 0, last());
  ExpectTruth(*reader, {"default/service-3", false}, 0, last());
  ExpectTruth(*reader, {"default/service-", true}, last() / 3, last() / 2);
  ExpectTruth(*reader, {"default/service-1", false}, last() / 2, last());
  ExpectTruth(*reader, {"default/service", false}, 0, last());  // no such service
}

TEST_F(HistoryTest, ARevisionIsFoundByItsTime) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  Apply(300);
  const auto reader = Read();
  for (int64_t time = times_[1] - 50; time < times_.back() + 50; time += 7) {
    uint64_t expected = 0;
    while (expected < last() && times_[expected + 1] <= time) ++expected;
    const auto found = reader->At(time);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->value(), expected) << time;
  }
}

TEST_F(HistoryTest, WhatIsTrimmedIsGoneAtOnceAndOffTheDiskLater) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  Apply(400);
  auto before = Read();
  const uint64_t floor = last() / 2;
  const uint64_t all_bytes = *before->BytesAfter(Revision(0));
  const uint64_t kept_bytes = *before->BytesAfter(Revision(floor));
  EXPECT_LT(kept_bytes, all_bytes);
  Trim(Revision(floor));
  EXPECT_EQ(Read()->floor(), Revision(floor));
  ExpectTruth(*Read(), {"", true}, floor, last());
  EXPECT_EQ(*Read()->At(0), Revision(floor));
  EXPECT_EQ(*Read()->BytesAfter(Revision(0)), kept_bytes);
  EXPECT_EQ(*store_->DropHistory(10), 10u);
  // A reader that was there before has its moment still.
  ExpectTruth(*before, {"default/service-2", false}, 0, last());
  before = nullptr;
  Reopen();
  ExpectTruth(*Read(), {"default/service-2", false}, floor, last());
  size_t dropped = 10;
  while (const size_t more = *store_->DropHistory(100)) dropped += more;
  EXPECT_EQ(dropped, floor);
  Apply(50);
  Reopen();
  Apply(50);
  ExpectTruth(*Read(), {"", true}, floor, last());
  EXPECT_GT(*Read()->BytesAfter(Revision(0)), kept_bytes);
}

TEST_F(HistoryTest, TheFloorNeverMovesBackNorBeyondTheState) {
  Apply(100);
  Trim(Revision(20));
  Trim(Revision(10));
  EXPECT_EQ(Read()->floor(), Revision(20));
  Trim(Revision(1'000'000));
  EXPECT_EQ(Read()->floor(), Revision(last()));
  while (*store_->DropHistory(1'000) > 0) {
  }
  ExpectTruth(*Read(), {"", true}, last(), last());
  const uint64_t floor = last();
  Apply(50);
  ExpectTruth(*Read(), {"", true}, floor, last());
}

}  // namespace
}  // namespace registryd::storage
