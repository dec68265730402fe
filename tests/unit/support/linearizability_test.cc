// The checker of histories, on histories with planted faults: it must be able to fail.

#include "tests/support/linearizability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace registryd::testing {
namespace {

Operation Write(std::string value, int64_t called, int64_t returned, uint64_t revision = 0) {
  return {Operation::Kind::kWrite, "k", std::move(value), called, returned, revision, 1};
}
Operation Read(std::string value, int64_t called, int64_t returned, uint64_t revision = 0) {
  return {Operation::Kind::kRead, "k", std::move(value), called, returned, revision, 2};
}
constexpr int64_t kUnknown = Operation::kUnknown;

TEST(Linearizability, SequentialHistoriesAreJudgedByTheLastWrite) {
  EXPECT_EQ(CheckLinearizable({Read("", 0, 1), Write("a", 2, 3), Read("a", 4, 5)}), std::nullopt);
  EXPECT_NE(CheckLinearizable({Write("a", 2, 3), Read("", 4, 5)}), std::nullopt);
  EXPECT_NE(CheckLinearizable({Write("a", 0, 1), Write("b", 2, 3), Read("a", 4, 5)}), std::nullopt);
}

TEST(Linearizability, OverlappingOperationsMayHaveEitherOrder) {
  EXPECT_EQ(CheckLinearizable({Write("a", 0, 10), Read("", 1, 2), Read("a", 3, 4)}), std::nullopt);
  // But not both: once it was seen, it is there.
  EXPECT_NE(CheckLinearizable({Write("a", 0, 10), Read("a", 1, 2), Read("", 3, 4)}), std::nullopt);
  EXPECT_EQ(CheckLinearizable({Write("a", 0, 10), Write("b", 0, 10), Read("a", 11, 12)}),
            std::nullopt);
  EXPECT_NE(CheckLinearizable(
                {Write("a", 0, 10), Write("b", 0, 10), Read("a", 11, 12), Read("b", 13, 14)}),
            std::nullopt);
}

TEST(Linearizability, AnUnknownWriteHappensOnceLaterOrNever) {
  EXPECT_EQ(CheckLinearizable({Write("a", 0, kUnknown), Read("", 5, 6), Read("", 50, 51)}),
            std::nullopt);
  EXPECT_EQ(CheckLinearizable({Write("a", 0, kUnknown), Read("", 5, 6), Read("a", 50, 51)}),
            std::nullopt);
  EXPECT_NE(CheckLinearizable({Write("a", 0, kUnknown), Read("a", 5, 6), Read("", 50, 51)}),
            std::nullopt);
  EXPECT_NE(CheckLinearizable({Write("a", 10, kUnknown), Read("a", 5, 6)}), std::nullopt);
  // Twice is not once: what an acknowledged write replaced does not come back.
  EXPECT_NE(CheckLinearizable({Write("a", 0, kUnknown), Read("a", 5, 6), Write("b", 7, 8),
                               Read("b", 9, 10), Read("a", 11, 12)}),
            std::nullopt);
}

TEST(Linearizability, ValuesOutOfNowhereAreFound) {
  EXPECT_NE(CheckLinearizable({Read("z", 0, 1)}), std::nullopt);
}

TEST(Linearizability, KeysAreJudgedAlone) {
  Operation other = Read("", 20, 21);
  other.key = "other";
  EXPECT_EQ(CheckLinearizable({Write("a", 0, 1), other}), std::nullopt);
}

TEST(Linearizability, RevisionsFollowTime) {
  EXPECT_EQ(CheckRevisions({Write("a", 0, 1, 5), Write("b", 2, 3, 6), Read("b", 4, 5, 6)}),
            std::nullopt);
  EXPECT_EQ(CheckRevisions({Write("a", 0, 10, 6), Write("b", 1, 9, 5)}), std::nullopt);
  EXPECT_NE(CheckRevisions({Write("a", 0, 1, 5), Write("b", 2, 3, 5)}), std::nullopt);
  EXPECT_NE(CheckRevisions({Write("a", 0, 1, 5), Read("", 2, 3, 4)}), std::nullopt);
}

// A history as a correct register makes it: operations take effect at one moment within their time.
History MakeHistory(std::mt19937& random, int operations, int clients) {
  struct Point {
    int64_t at;
    Operation operation;
  };
  std::vector<Point> points;
  std::vector<int64_t> free(static_cast<size_t>(clients), 0);
  for (int i = 0; i < operations; ++i) {
    const size_t client = random() % free.size();
    const int64_t called = free[client] + 1 + static_cast<int64_t>(random() % 20);
    const int64_t at = called + static_cast<int64_t>(random() % 50);
    const int64_t returned = at + static_cast<int64_t>(random() % 50);
    free[client] = returned;
    Operation operation = random() % 2 == 0 ? Write("v" + std::to_string(i), called, returned)
                                            : Read("", called, returned);
    operation.client = static_cast<int>(client);
    points.push_back({at, operation});
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& a, const Point& b) { return a.at < b.at; });
  History history;
  std::string value;
  uint64_t revision = 0;
  for (Point& point : points) {
    if (point.operation.kind == Operation::Kind::kWrite) {
      value = point.operation.value;
      ++revision;
      // Some answers get lost.
      if (random() % 10 == 0) point.operation.returned = Operation::kUnknown;
    } else {
      point.operation.value = value;
    }
    point.operation.revision = revision;
    history.push_back(point.operation);
  }
  return history;
}

TEST(Linearizability, RandomGoodHistoriesPassAndPlantedStaleReadsAreFound) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int planted = 0;
  for (int round = 0; round < 60; ++round) {
    History history = MakeHistory(random, 120, 5);
    ASSERT_EQ(CheckLinearizable(history), std::nullopt);
    ASSERT_EQ(CheckRevisions(history), std::nullopt);
    // A read that answers what was overwritten before it was called.
    const Operation* old = nullptr;
    const Operation* newer = nullptr;
    for (const Operation& operation : history) {
      if (operation.kind != Operation::Kind::kWrite || operation.returned == kUnknown) continue;
      if (old == nullptr) {
        old = &operation;
      } else if (newer == nullptr && operation.called > old->returned) {
        newer = &operation;
      }
    }
    if (newer == nullptr) continue;
    ++planted;
    const int64_t after = newer->returned + 1;
    history.push_back(Read(old->value, after, after + 1, old->revision));
    EXPECT_NE(CheckLinearizable(history), std::nullopt);
    EXPECT_NE(CheckRevisions(history), std::nullopt);
  }
  EXPECT_GT(planted, 30);
}

}  // namespace
}  // namespace registryd::testing
