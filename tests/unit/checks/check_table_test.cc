#include "registryd/checks/check_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "registryd/base/text.h"

namespace registryd::checks {
namespace {

constexpr int64_t kIntervalMs = 10'000;

core::Instance Make(std::string_view id, uint64_t epoch = 1, uint32_t passes = 1,
                    uint32_t failures = 3) {
  core::Instance instance;
  instance.spec.name = core::InstanceName("default", "web", id);
  instance.spec.endpoints = {{"http", "10.0.0.1", 8080, ""}, {"admin", "10.0.0.1", 9090, ""}};
  instance.spec.check = core::Boxed<core::CheckSpec>(
      {core::CheckKind::kHttp, "admin", "/health", kIntervalMs, 2'000, passes, failures});
  instance.incarnation = Revision(epoch);
  instance.facts.check = core::CheckResult::kUnknown;
  instance.facts.rare.Edit([&](core::RareFacts& rare) { rare.check_epoch = Revision(epoch); });
  return instance;
}

// Makes the next check of `instance` due, and notes the answer.
std::optional<core::ReportChecks::Result> NoteNext(CheckTable& table,
                                                   const core::Instance& instance, Answer answer,
                                                   int64_t* now) {
  *now += 2 * kIntervalMs;
  EXPECT_EQ(table.DueAt(*now, 10).size(), 1u);
  return table.Note(instance.name(), instance.facts.rare->check_epoch, answer, "detail", *now);
}

TEST(CheckTable, AsksTheNamedEndpointOnceUntilItHasAnswered) {
  CheckTable table(1);
  const core::Instance web = Make("i-1");
  table.Put(web, 1'000);
  const auto due = table.DueAt(2'000, 10);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].endpoint.port, 9090);
  EXPECT_TRUE(table.DueAt(100'000, 10).empty());
  table.Note(web.name(), Revision(1), Answer::kNotAsked, "", 100'000);
  EXPECT_TRUE(table.DueAt(100'000 + kIntervalMs * 9 / 10 - 1, 10).empty());
  EXPECT_EQ(table.DueAt(100'000 + kIntervalMs * 11 / 10, 10).size(), 1u);
}

TEST(CheckTable, IntervalsDiffer) {
  CheckTable table(1);
  std::set<int64_t> first;
  for (int i = 0; i < 50; ++i) table.Put(Make(Text("i-", i)), 0);
  for (int64_t now = 0; now <= 1'000; ++now) {
    if (!table.DueAt(now, 100).empty()) first.insert(now);
  }
  EXPECT_GT(first.size(), 20u) << "they do not come all at once";
}

TEST(CheckTable, TellsTheStateOnlyWhatItDoesNotKnow) {
  CheckTable table(1);
  core::Instance web = Make("i-1", 1, 2, 3);
  int64_t now = 0;
  table.Put(web, now);
  EXPECT_FALSE(NoteNext(table, web, Answer::kPassed, &now));
  const auto passing = NoteNext(table, web, Answer::kPassed, &now);
  ASSERT_TRUE(passing);
  EXPECT_TRUE(passing->passed);
  EXPECT_EQ(passing->target.incarnation, Revision(1));

  web.facts.check = core::CheckResult::kPassing;
  table.Put(web, now);  // the state has it
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(NoteNext(table, web, Answer::kPassed, &now));

  // One success, or nobody asked, is no third failure.
  EXPECT_FALSE(NoteNext(table, web, Answer::kFailed, &now));
  EXPECT_FALSE(NoteNext(table, web, Answer::kFailed, &now));
  EXPECT_FALSE(NoteNext(table, web, Answer::kPassed, &now));
  EXPECT_FALSE(NoteNext(table, web, Answer::kFailed, &now));
  EXPECT_FALSE(NoteNext(table, web, Answer::kNotAsked, &now));
  EXPECT_FALSE(NoteNext(table, web, Answer::kFailed, &now));
  const auto failing = NoteNext(table, web, Answer::kFailed, &now);
  ASSERT_TRUE(failing);
  EXPECT_FALSE(failing->passed);
  // Nobody told the state, perhaps there was no leader: it is said again.
  EXPECT_TRUE(NoteNext(table, web, Answer::kFailed, &now));
}

TEST(CheckTable, AnAnswerToAnOlderCheckCountsNothing) {
  CheckTable table(1);
  table.Put(Make("i-1", 1), 0);
  ASSERT_EQ(table.DueAt(1'000, 10).size(), 1u);
  const core::Instance again = Make("i-1", 7);
  table.Put(again, 1'000);
  EXPECT_FALSE(table.Note(again.name(), Revision(1), Answer::kPassed, "", 1'100));
  ASSERT_EQ(table.DueAt(2'000, 10).size(), 1u);
  EXPECT_TRUE(table.Note(again.name(), Revision(7), Answer::kPassed, "", 2'100));
  table.Remove(again.name());
  EXPECT_EQ(table.size(), 0u);
  EXPECT_TRUE(table.DueAt(1'000'000, 10).empty());
}

}  // namespace
}  // namespace registryd::checks
