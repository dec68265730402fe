#include "registryd/base/persistent_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace registryd {
namespace {

struct Entry {
  std::string key;
  int value = 0;
};
struct ByKey {
  static std::string_view Key(const Entry& entry) { return entry.key; }
};
using Map = PersistentMap<Entry, ByKey>;

std::map<std::string, int> Contents(const Map& map) {
  std::map<std::string, int> all;
  std::string last;
  map.ForEach([&](const Entry& entry) {
    EXPECT_LT(last, entry.key) << "out of order";
    last = entry.key;
    all[entry.key] = entry.value;
  });
  return all;
}

TEST(PersistentMap, FindsReplacesAndErases) {
  Map map;
  EXPECT_EQ(map.Find("a"), nullptr);
  EXPECT_FALSE(map.Erase("a"));
  map.Put({"a", 1});
  map.Put({"b", 2});
  map.Put({"a", 3});
  EXPECT_EQ(map.size(), 2u);
  ASSERT_NE(map.Find("a"), nullptr);
  EXPECT_EQ(map.Find("a")->value, 3);
  EXPECT_EQ(map.Find("aa"), nullptr);
  EXPECT_TRUE(map.Erase("a"));
  EXPECT_TRUE(map.Erase("b"));
  EXPECT_TRUE(map.empty());
  map.Put({"c", 4});
  EXPECT_EQ(map.size(), 1u);
}

TEST(PersistentMap, EntriesThatComeInOrderFillTheirLeaves) {
  Map map;
  for (int i = 0; i < 10'000; ++i) map.Put({std::to_string(10'000 + i), i});
  std::vector<size_t> leaves;
  map.ForEachLeaf([&](const std::vector<Entry>& values, const NoLeafCache&) {
    leaves.push_back(values.size());
  });
  ASSERT_EQ(leaves.size(), (10'000 + Map::kLeafMax - 1) / Map::kLeafMax);
  leaves.pop_back();
  for (const size_t leaf : leaves) EXPECT_EQ(leaf, Map::kLeafMax);
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(map.Erase(std::to_string(10'000 + i)));
  EXPECT_TRUE(map.empty());
}

TEST(PersistentMap, WalksFromAKey) {
  Map map;
  for (int i = 0; i < 1000; ++i) map.Put({std::to_string(1000 + i), i});
  int seen = 0;
  map.ForEachFrom("1500", [&](const Entry& entry) {
    if (seen == 0) {
      EXPECT_EQ(entry.key, "1500");
    }
    return ++seen < 10;
  });
  EXPECT_EQ(seen, 10);
  seen = 0;
  map.ForEachFrom("19995", [&](const Entry&) { return ++seen < 10; });
  EXPECT_EQ(seen, 0);
}

// Random edits against std::map, with snapshots that must stay as they were.
TEST(PersistentMap, SnapshotsNeverChange) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Map map;
  std::map<std::string, int> model;
  std::vector<std::pair<Map, std::map<std::string, int>>> snapshots;
  for (int step = 0; step < 60'000; ++step) {
    // Grows for a while, then shrinks, so that splits and joins are both met.
    const bool shrinking = (step / 15'000) % 2 == 1;
    const std::string key = std::to_string(random() % 5'000);
    if (random() % 100 < (shrinking ? 75u : 25u)) {
      EXPECT_EQ(map.Erase(key), model.erase(key) == 1);
    } else {
      map.Put({key, step});
      model[key] = step;
    }
    if (step % 5'000 == 0) snapshots.emplace_back(map.Snapshot(), model);
  }
  EXPECT_EQ(map.size(), model.size());
  EXPECT_EQ(Contents(map), model);
  for (const auto& [snapshot, expected] : snapshots) {
    EXPECT_EQ(snapshot.size(), expected.size());
    EXPECT_EQ(Contents(snapshot), expected);
  }
}

struct CountedCache {
  int derived = 0;
};

TEST(PersistentMap, AChangedLeafHasANewCacheAndTheOthersKeepTheirs) {
  PersistentMap<Entry, ByKey, CountedCache> map;
  for (int i = 0; i < 1000; ++i) map.Put({std::to_string(1000 + i), i});
  size_t leaves = 0;
  auto first = map.Snapshot();
  first.ForEachLeaf([&](const auto&, const CountedCache& cache) {
    const_cast<CountedCache&>(cache).derived = 1;
    ++leaves;
  });
  map.Put({"1500", -1});
  size_t kept = 0;
  map.Snapshot().ForEachLeaf(
      [&](const auto&, const CountedCache& cache) { kept += static_cast<size_t>(cache.derived); });
  EXPECT_EQ(kept, leaves - 1);
}

}  // namespace
}  // namespace registryd
