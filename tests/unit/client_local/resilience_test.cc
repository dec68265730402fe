// Breaker, ejection, bulkhead, retry: each alone, with the time in the test's hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "registry/bulkhead.h"
#include "registry/circuit_breaker.h"
#include "registry/outlier_ejection.h"
#include "registry/retry.h"
#include "tests/support/wait_for.h"

namespace registry {
namespace {

using ::registryd::testing::WaitFor;
using State = CircuitBreaker::State;

TEST(OutcomeWindowTest, ForgetsWhatIsOlderThanItsLength) {
  OutcomeWindow window(absl::Seconds(8));
  const int64_t second = 1'000'000'000;
  window.Add(0, true);
  window.Add(1 * second, false);
  EXPECT_EQ(window.Sum(7 * second).total(), 2u);
  EXPECT_DOUBLE_EQ(window.Sum(7 * second).failure_rate(), 0.5);
  EXPECT_EQ(window.Sum(8 * second).failed, 1u);
  EXPECT_EQ(window.Sum(8 * second).ok, 0u);
  EXPECT_EQ(window.Sum(100 * second).total(), 0u);
  window.Add(100 * second, true);
  window.Add(50 * second, true);  // a late one from another slice
  EXPECT_EQ(window.Sum(100 * second).total(), 1u);
}

TEST(CircuitBreakerTest, OpensByFailuresInARowAndClosesByGoodTries) {
  ManualTime time;
  CircuitBreaker breaker({.consecutive_failures = 3, .half_open_calls = 2}, &time);
  for (int i = 0; i < 2; ++i) breaker.Record(false);
  breaker.Record(true);  // not in a row
  for (int i = 0; i < 2; ++i) breaker.Record(false);
  EXPECT_EQ(breaker.state(), State::kClosed);
  EXPECT_TRUE(breaker.Allow());
  breaker.Record(false);
  EXPECT_EQ(breaker.state(), State::kOpen);
  EXPECT_FALSE(breaker.Allow());
  time.Advance(absl::Seconds(59));
  EXPECT_FALSE(breaker.Allow());
  time.Advance(absl::Seconds(1));
  EXPECT_TRUE(breaker.Allow());
  EXPECT_EQ(breaker.state(), State::kHalfOpen);
  EXPECT_TRUE(breaker.Allow());
  EXPECT_FALSE(breaker.Allow()) << "two tries at once";
  breaker.Cancel();
  EXPECT_TRUE(breaker.Allow()) << "a try that was not made is given back";
  breaker.Record(true);
  breaker.Record(true);
  EXPECT_EQ(breaker.state(), State::kClosed);
}

TEST(CircuitBreakerTest, OpensByRateAndOpensAgain) {
  ManualTime time;
  CircuitBreaker breaker({.failure_rate = 0.5,
                          .minimum_calls = 10,
                          .consecutive_failures = 0,
                          .open_for = absl::Seconds(5),
                          .half_open_calls = 2},
                         &time);
  for (int i = 0; i < 4; ++i) breaker.Record(false);
  for (int i = 0; i < 5; ++i) breaker.Record(true);
  EXPECT_EQ(breaker.state(), State::kClosed) << "nine calls are too few";
  time.Advance(absl::Seconds(20));
  for (int i = 0; i < 5; ++i) breaker.Record(true);
  for (int i = 0; i < 4; ++i) breaker.Record(false);
  EXPECT_EQ(breaker.state(), State::kClosed) << "the old ones are forgotten";
  breaker.Record(false);
  EXPECT_EQ(breaker.state(), State::kOpen);
  time.Advance(absl::Seconds(5));
  EXPECT_TRUE(breaker.Allow());
  EXPECT_TRUE(breaker.Allow());
  breaker.Record(true);
  breaker.Record(false);
  EXPECT_EQ(breaker.state(), State::kOpen);
  EXPECT_FALSE(breaker.Allow());
}

TEST(CircuitBreakerTest, ManyThreads) {
  CircuitBreaker breaker({.consecutive_failures = 3, .open_for = absl::Microseconds(1)});
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20'000; ++i) {
        if (!breaker.Allow()) continue;
        if (i % 50 == 0) {
          breaker.Cancel();
        } else {
          breaker.Record((i / 100 + t) % 3 != 0);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Left alone it recovers.
  EXPECT_TRUE(WaitFor([&] {
    if (breaker.Allow()) breaker.Record(true);
    return breaker.state() == State::kClosed;
  }));
}

class OutlierEjectionTest : public ::testing::Test {
 protected:
  bool Fail(OutlierEjection::Host& host, int times) {
    bool ejected = false;
    for (int i = 0; i < times; ++i) ejected |= ejection_.Report(host, false);
    return ejected;
  }

  ManualTime time_;
  OutlierEjection ejection_{{}, &time_};
  OutlierEjection::Host a_{ejection_};
  OutlierEjection::Host b_{ejection_};
};

TEST_F(OutlierEjectionTest, FailuresInARowEjectForAWhileAndLongerTheNextTime) {
  ejection_.SetHosts(10);
  EXPECT_FALSE(Fail(a_, 4));
  ejection_.Report(a_, true);
  EXPECT_FALSE(Fail(a_, 4));
  EXPECT_TRUE(Fail(a_, 1));
  EXPECT_TRUE(ejection_.Ejected(a_));
  EXPECT_EQ(ejection_.ejected(), 1u);
  time_.Advance(absl::Seconds(30));
  EXPECT_FALSE(ejection_.Ejected(a_));
  EXPECT_EQ(ejection_.ejected(), 0u);
  EXPECT_TRUE(Fail(a_, 5));
  time_.Advance(absl::Seconds(59));
  EXPECT_TRUE(ejection_.Ejected(a_)) << "60 s this time";
  time_.Advance(absl::Seconds(1));
  EXPECT_FALSE(ejection_.Ejected(a_));
  time_.Advance(absl::Seconds(100));
  EXPECT_TRUE(Fail(a_, 5));
  time_.Advance(absl::Seconds(30));
  EXPECT_FALSE(ejection_.Ejected(a_)) << "it had behaved";
}

TEST_F(OutlierEjectionTest, NeverMoreThanTheShareAndNeverTheOnlyOne) {
  ejection_.SetHosts(1);
  EXPECT_FALSE(Fail(a_, 100));
  ejection_.SetHosts(10);
  EXPECT_TRUE(Fail(a_, 5));
  EXPECT_FALSE(Fail(b_, 100)) << "one in ten";
  ejection_.SetHosts(20);
  EXPECT_TRUE(Fail(b_, 5));
  EXPECT_EQ(ejection_.ejected(), 2u);
  ejection_.Forget(b_);
  EXPECT_EQ(ejection_.ejected(), 1u);
}

TEST_F(OutlierEjectionTest, ARateOfFailuresEjectsWhereThereAreHostsAndCallsEnough) {
  ejection_.SetHosts(5);
  bool ejected = false;
  for (int i = 0; i < 60 && !ejected; ++i) {
    ejected = i % 10 == 9 ? ejection_.Report(a_, true) : Fail(a_, 1);
    if (i % 10 == 3) ejected |= false;
    if (i % 10 == 4) break;
  }
  EXPECT_TRUE(ejected) << "five in a row came first";
  OutlierEjection rate({.consecutive_failures = 0}, &time_);
  rate.SetHosts(4);
  OutlierEjection::Host host(rate);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(rate.Report(host, false)) << "too few hosts";
  rate.SetHosts(5);
  EXPECT_TRUE(rate.Report(host, false));
}

TEST(BulkheadTest, RunsAndWaitsWithinItsLimits) {
  Bulkhead bulkhead({.max_concurrent = 1, .max_waiting = 1});
  auto first = bulkhead.Enter();
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(bulkhead.Enter().status()));
  EXPECT_TRUE(absl::IsResourceExhausted(bulkhead.Enter(absl::Milliseconds(1)).status()));
  std::atomic<bool> entered{false};
  std::atomic<bool> leave{false};
  std::thread waiter([&] {
    auto permit = bulkhead.Enter(absl::Seconds(30));
    EXPECT_TRUE(permit.ok()) << permit.status();
    entered = true;
    EXPECT_TRUE(WaitFor([&] { return leave.load(); }));
  });
  ASSERT_TRUE(WaitFor([&] { return bulkhead.waiting() == 1; }));
  EXPECT_TRUE(absl::IsResourceExhausted(bulkhead.Enter(absl::Hours(1)).status()))
      << "the queue is full: at once";
  EXPECT_FALSE(entered);
  { Bulkhead::Permit ended = *std::move(first); }
  EXPECT_TRUE(WaitFor([&] { return entered.load(); }));
  leave = true;
  waiter.join();
  EXPECT_EQ(bulkhead.running(), 0u);
  EXPECT_EQ(bulkhead.waiting(), 0u);
}

TEST(BulkheadTest, NeverMoreThanItsLimitUnderManyThreads) {
  Bulkhead bulkhead({.max_concurrent = 3, .max_waiting = 100});
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        auto permit = bulkhead.Enter(absl::Seconds(30));
        ASSERT_TRUE(permit.ok()) << permit.status();
        EXPECT_LE(++inside, 3);
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bulkhead.running(), 0u);
}

TEST(RetryTest, PausesGrowWithinTheirLimitsAndEnd) {
  for (int round = 0; round < 100; ++round) {
    Retry retry({.max_attempts = 6});
    const absl::Status busy = absl::UnavailableError("busy");
    for (const int most_ms : {100, 200, 400, 800, 1'000}) {
      const auto pause = retry.Next(busy);
      ASSERT_TRUE(pause.has_value());
      EXPECT_GE(*pause, absl::ZeroDuration());
      EXPECT_LE(*pause, absl::Milliseconds(most_ms));
    }
    EXPECT_FALSE(retry.Next(busy).has_value());
    EXPECT_EQ(retry.attempts(), 6u);
  }
}

TEST(RetryTest, OnlyWhatMayBeRepeated) {
  EXPECT_FALSE(Retry().Next(absl::OkStatus()).has_value());
  EXPECT_FALSE(Retry().Next(absl::InvalidArgumentError("no")).has_value());
  RetryOptions options;
  options.retriable = [](const absl::Status& status) { return absl::IsAborted(status); };
  EXPECT_TRUE(Retry(options).Next(absl::AbortedError("again")).has_value());
  EXPECT_FALSE(Retry(options).Next(absl::UnavailableError("no")).has_value());
}

TEST(RetryTest, TheBudgetEndsAStormOfRetries) {
  ManualTime time;
  RetryBudget budget({.window = absl::Seconds(10), .ratio = 0.2, .least_per_second = 1}, &time);
  int retries = 0;
  int calls = 0;
  for (int i = 0; i < 1'000; ++i) {
    Retry retry({.max_attempts = 4}, &budget);
    const absl::Status status = retry.Run(
        [&] {
          ++calls;
          return absl::UnavailableError("down");
        },
        [&](absl::Duration) { ++retries; });
    EXPECT_TRUE(absl::IsUnavailable(status));
  }
  EXPECT_EQ(retries, 210) << "a fifth of the calls, and one a second";
  EXPECT_EQ(calls, 1'210);
  time.Advance(absl::Seconds(20));
  EXPECT_TRUE(budget.TakeRetry()) << "the rare caller has some";
}

TEST(RetryTest, EndsWithTheFirstSuccess) {
  int calls = 0;
  std::vector<absl::Duration> slept;
  EXPECT_TRUE(Retry()
                  .Run([&] { return ++calls == 3 ? absl::OkStatus() : absl::UnavailableError(""); },
                       [&](absl::Duration pause) { slept.push_back(pause); })
                  .ok());
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(slept.size(), 2u);
}

}  // namespace
}  // namespace registry
