// What Prometheus reads, and that many threads count without losing anything.
#include "registryd/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace registryd::metrics {
namespace {

using ::testing::HasSubstr;

TEST(Metrics, AreWrittenInTheTextFormat) {
  GetCounter("test_calls_total", "Calls.", {{"method", "Lookup"}, {"code", "OK"}}).Add(3);
  GetCounter("test_calls_total", "Calls.", {{"method", "Watch"}, {"code", "OK"}}).Add();
  GetGauge("test_open", "Open ones.").Set(5);
  GetGauge("test_open", "Open ones.").Add(-2);
  const std::string page = Scrape();
  EXPECT_THAT(page, HasSubstr("# HELP test_calls_total Calls.\n# TYPE test_calls_total counter\n"));
  EXPECT_THAT(page, HasSubstr("test_calls_total{code=\"OK\",method=\"Lookup\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("test_calls_total{code=\"OK\",method=\"Watch\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("# TYPE test_open gauge\ntest_open 3\n"));
}

TEST(Metrics, AHistogramsBucketsAreCumulative) {
  auto& seconds = GetHistogram("test_seconds", "Time.", {0.1, 1, 10});
  for (const double value : {0.05, 0.1, 0.5, 5.0, 50.0}) seconds.Observe(value);
  const std::string page = Scrape();
  EXPECT_THAT(page, HasSubstr("test_seconds_count 5\n"));
  EXPECT_THAT(page, HasSubstr("test_seconds_sum 55.65\n"));
  EXPECT_THAT(page, HasSubstr("test_seconds_bucket{le=\"0.1\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("test_seconds_bucket{le=\"1\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("test_seconds_bucket{le=\"10\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("test_seconds_bucket{le=\"+Inf\"} 5\n"));
}

TEST(Metrics, NothingIsLostWhenManyThreadsCount) {
  constexpr int kThreads = 20, kEach = 10'000;
  auto& counter = GetCounter("test_many_total", "Many.");
  auto& histogram = GetHistogram("test_many_seconds", "Many.", {1});
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        counter.Add();
        histogram.Observe(0.5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string page = Scrape();
  EXPECT_THAT(page, HasSubstr("test_many_total 200000\n"));
  EXPECT_THAT(page, HasSubstr("test_many_seconds_bucket{le=\"1\"} 200000\n"));
  EXPECT_THAT(page, HasSubstr("test_many_seconds_sum 100000\n"));
}

TEST(Metrics, AHookRunsBeforeEachScrapeUntilItGoes) {
  int runs = 0;
  {
    const ScrapeHook hook([&] { GetGauge("test_runs", "Runs.").Set(++runs); });
    EXPECT_THAT(Scrape(), HasSubstr("test_runs 1\n"));
    EXPECT_THAT(Scrape(), HasSubstr("test_runs 2\n"));
  }
  EXPECT_THAT(Scrape(), HasSubstr("test_runs 2\n"));
}

}  // namespace
}  // namespace registryd::metrics
