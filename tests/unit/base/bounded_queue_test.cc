#include "registryd/base/bounded_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace registryd {
namespace {

TEST(BoundedQueue, RefusesBeyondItsLimitAndLeavesTheItem) {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  EXPECT_TRUE(queue.TryPush(std::make_unique<int>(1)));
  EXPECT_TRUE(queue.TryPush(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(queue.TryPush(std::move(third)));
  ASSERT_NE(third, nullptr);
  std::vector<std::unique_ptr<int>> items;
  EXPECT_TRUE(queue.PopAll(&items));
  EXPECT_EQ(items.size(), 2u);
  EXPECT_TRUE(queue.TryPush(std::move(third)));
}

TEST(BoundedQueue, CloseLetsTheRestOutAndThenEnds) {
  BoundedQueue<int> queue(8);
  ASSERT_TRUE(queue.TryPush(7));
  queue.Close();
  EXPECT_FALSE(queue.TryPush(8));
  std::vector<int> items;
  EXPECT_TRUE(queue.PopAll(&items));
  EXPECT_EQ(items, std::vector<int>{7});
  EXPECT_FALSE(queue.PopAll(&items));
}

TEST(BoundedQueue, WakesTheDrainingThread) {
  BoundedQueue<int> queue(1000);
  int sum = 0;
  std::thread drain([&] {
    std::vector<int> items;
    while (queue.PopAll(&items)) {
      for (int item : items) sum += item;
    }
  });
  for (int i = 1; i <= 100; ++i) {
    int item = i;
    while (!queue.TryPush(std::move(item))) std::this_thread::yield();
  }
  queue.Close();
  drain.join();
  EXPECT_EQ(sum, 5050);
}

}  // namespace
}  // namespace registryd
