#include "registryd/operations/shares.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace registryd::operations {
namespace {

TEST(SharesTest, EachHasSoManyAndGivesThemBack) {
  auto shares = std::make_unique<Shares>(2);
  std::shared_ptr<void> first = shares->Take("a");
  const std::shared_ptr<void> second = shares->Take("a");
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(shares->Take("a"), nullptr);
  EXPECT_NE(shares->Take("b"), nullptr);
  first = nullptr;
  first = shares->Take("a");
  EXPECT_NE(first, nullptr);
  shares = nullptr;  // what is held outlives it
}

TEST(SharesTest, NoLimitIsNoLimit) {
  Shares shares(0);
  std::vector<std::shared_ptr<void>> held;
  for (int i = 0; i < 1'000; ++i) held.push_back(shares.Take("a"));
  for (const auto& one : held) EXPECT_NE(one, nullptr);
}

}  // namespace
}  // namespace registryd::operations
