#include "registryd/base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace registryd {
namespace {

TEST(DerivedId, IsTheSameForTheSameRequestAndDiffersOtherwise) {
  EXPECT_EQ(DerivedId(1, 2, 3), DerivedId(1, 2, 3));
  std::set<uint64_t> ids;
  for (uint64_t client = 0; client < 20; ++client) {
    for (uint64_t sequence = 0; sequence < 20; ++sequence) {
      for (uint64_t position = 0; position < 20; ++position) {
        ids.insert(DerivedId(client, sequence, position));
      }
    }
  }
  EXPECT_EQ(ids.size(), 8'000u);
  EXPECT_FALSE(ids.contains(0));
}

}  // namespace
}  // namespace registryd
