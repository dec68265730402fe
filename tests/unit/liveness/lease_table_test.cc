#include "registryd/liveness/lease_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace registryd::liveness {
namespace {

using Renewal = LeaseTable::Renewal;

core::LeaseRef Ref(uint64_t id, uint64_t epoch = 1) { return {LeaseId(id), LeaseEpoch(epoch)}; }

TEST(LeaseTable, GivesOutASilentLeaseOnceAndNeverEarly) {
  LeaseTable table;
  table.Add(Ref(7), 5'000, 1'000);
  for (int64_t now = 1'000; now < 6'000; now += 50) EXPECT_TRUE(table.ExpiredAt(now, 10).empty());
  EXPECT_EQ(table.ExpiredAt(6'200, 10), std::vector{Ref(7)});
  EXPECT_TRUE(table.ExpiredAt(60'000, 10).empty());
}

TEST(LeaseTable, ARenewalMovesTheDeadlineAFullTtl) {
  LeaseTable table;
  table.Add(Ref(7), 5'000, 0);
  EXPECT_EQ(table.Renew(Ref(7), 4'900), Renewal::kRenewed);
  EXPECT_TRUE(table.ExpiredAt(9'800, 10).empty());
  EXPECT_EQ(table.ExpiredAt(10'100, 10).size(), 1u);
}

TEST(LeaseTable, ARevivalThatDidNotHappenIsTriedAgainAndHoldsNobodyWhoLives) {
  LeaseTable table;
  table.Add(Ref(7), 5'000, 0);
  table.Hold(LeaseId(7));
  EXPECT_EQ(table.Renew(Ref(7), 100), Renewal::kRevived);
  EXPECT_EQ(table.Renew(Ref(7), 200), Renewal::kRenewed);
  table.NotRevived(Ref(7));
  EXPECT_EQ(table.Renew(Ref(7), 300), Renewal::kRevived);
  // Its owner registered meanwhile: it lives, and is found when it falls silent.
  table.Add(Ref(7), 5'000, 1'000);
  table.NotRevived(Ref(7));
  EXPECT_EQ(table.held(), 0u);
  EXPECT_EQ(table.ExpiredAt(6'200, 10), std::vector{Ref(7)});
}

TEST(LeaseTable, UnknownAndOlderLeasesAreLost) {
  LeaseTable table;
  EXPECT_EQ(table.Renew(Ref(1), 0), Renewal::kLost);
  table.Add(Ref(1, 2), 5'000, 0);
  EXPECT_EQ(table.Renew(Ref(1, 1), 10), Renewal::kLost);
  EXPECT_EQ(table.Renew(Ref(1, 3), 10), Renewal::kLost);
  EXPECT_EQ(table.Renew(Ref(1, 2), 10), Renewal::kRenewed);
  table.Remove(LeaseId(1));
  EXPECT_EQ(table.Renew(Ref(1, 2), 20), Renewal::kLost);
}

TEST(LeaseTable, RenewalsWaitWhileAnExpiryIsPending) {
  LeaseTable table;
  table.Add(Ref(7), 2'000, 0);
  ASSERT_EQ(table.ExpiredAt(3'000, 10).size(), 1u);
  EXPECT_EQ(table.Renew(Ref(7), 3'001), Renewal::kPending);
  table.Release(Ref(7), 3'100);  // the proposal failed
  EXPECT_EQ(table.Renew(Ref(7), 3'101), Renewal::kRenewed);
  EXPECT_TRUE(table.ExpiredAt(5'000, 10).empty());
  EXPECT_EQ(table.ExpiredAt(5'300, 10).size(), 1u);
}

TEST(LeaseTable, AReleasedLeaseIsDueAgain) {
  LeaseTable table;
  table.Add(Ref(7), 2'000, 0);
  ASSERT_EQ(table.ExpiredAt(3'000, 10).size(), 1u);
  table.Release(Ref(7), 3'000);
  EXPECT_EQ(table.ExpiredAt(3'300, 10).size(), 1u);
}

TEST(LeaseTable, GivesOutAtMostWhatIsAskedAndTheRestNextTime) {
  LeaseTable table;
  for (uint64_t id = 1; id <= 100; ++id) table.Add(Ref(id), 2'000, 0);
  EXPECT_EQ(table.ExpiredAt(2'500, 30).size(), 30u);
  EXPECT_EQ(table.ExpiredAt(2'500, 30).size(), 30u);
  EXPECT_EQ(table.ExpiredAt(2'500, 100).size(), 40u);
}

TEST(LeaseTable, ANewGrantOfTheSameIdReplacesTheOldOne) {
  LeaseTable table;
  table.Add(Ref(7, 1), 10'000, 0);
  table.Remove(LeaseId(7));
  table.Add(Ref(7, 2), 2'000, 100);
  EXPECT_EQ(table.ExpiredAt(2'500, 10), std::vector{Ref(7, 2)});
  table.Remove(LeaseId(7));
  EXPECT_TRUE(table.ExpiredAt(20'000, 10).empty());
}

TEST(LeaseTable, AShorterTtlOfTheSameLeaseCounts) {
  LeaseTable table;
  table.Add(Ref(7), 3'600'000, 0);
  table.Add(Ref(7), 2'000, 0);
  EXPECT_EQ(table.ExpiredAt(2'300, 10).size(), 1u);
}

// Random grants, renewals, revocations and failed expiries against a naive model.
TEST(LeaseTable, AgreesWithANaiveModel) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  struct Known {
    uint64_t epoch;
    int64_t deadline;
    int64_t ttl;
    bool pending = false;
  };
  LeaseTable table;
  std::map<uint64_t, Known> model;
  uint64_t epoch = 0;
  int64_t now = 0;
  for (int step = 0; step < 30'000; ++step) {
    now += random() % 60;
    const uint64_t id = 1 + random() % 60;
    switch (random() % 6) {
      case 0:
        if (!model.contains(id)) {
          const int64_t ttl =
              2'000 + static_cast<int64_t>(random() % 400'000) * (random() % 8 == 0);
          model[id] = {++epoch, now + ttl, ttl};
          table.Add(Ref(id, epoch), ttl, now);
        }
        break;
      case 1:
        model.erase(id);
        table.Remove(LeaseId(id));
        break;
      case 2:
      case 3:
        if (auto found = model.find(id); found != model.end()) {
          const auto result = table.Renew(Ref(id, found->second.epoch), now);
          EXPECT_EQ(result, found->second.pending ? Renewal::kPending : Renewal::kRenewed);
          if (!found->second.pending) found->second.deadline = now + found->second.ttl;
        }
        break;
      default:
        for (const core::LeaseRef& lease : table.ExpiredAt(now, 1 + random() % 5)) {
          auto found = model.find(lease.id.value());
          ASSERT_NE(found, model.end());
          EXPECT_EQ(found->second.epoch, lease.epoch.value());
          EXPECT_LE(found->second.deadline, now);
          EXPECT_FALSE(found->second.pending);
          found->second.pending = true;
          if (random() % 2 == 0) {
            model.erase(found);
            table.Remove(lease.id);
          } else {
            found->second.pending = false;
            found->second.deadline = now;
            table.Release(lease, now);
          }
        }
    }
  }
  // In the end all of them expire.
  size_t left = model.size();
  std::erase_if(model, [](const auto& entry) { return entry.second.pending; });
  now += 4'000'000;
  for (int round = 0; round < 100; ++round) {
    for (const core::LeaseRef& lease : table.ExpiredAt(now, 1'000)) model.erase(lease.id.value());
  }
  EXPECT_TRUE(model.empty()) << model.size() << " of " << left << " never expired";
}

}  // namespace
}  // namespace registryd::liveness
