// Metrics in Prometheus' conventions. prometheus-cpp does the work; only metrics.cc sees it.
//
//   static metrics::Counter& calls = metrics::GetCounter("registryd_rpcs_total", "Calls.",
//   {{"method", "Lookup"}}); calls.Add(); metrics::ScrapeHook hook([&] {
//   gauge.Set(view->instances); });     // gauges that are read when somebody asks std::string page
//   = metrics::Scrape();
//
// Names: registryd_<what>_<unit>, counters end in _total. The same name and labels give the same
// object, which lives as long as the process. Threads: any. Cost: Add is one atomic addition; look
// objects up once, not in a hot path.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace registryd::metrics {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double amount = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
Histogram& GetHistogram(const std::string& name, const std::string& help,
                        const std::vector<double>& upper_bounds, const Labels& labels = {});

// Runs before each scrape, on the scraping thread. The returned token ends it when it goes.
class ScrapeHook {
 public:
  explicit ScrapeHook(std::function<void()> refresh);
  ~ScrapeHook();
  ScrapeHook(const ScrapeHook&) = delete;
  ScrapeHook& operator=(const ScrapeHook&) = delete;

 private:
  const int id_;
};

// Everything, in the text exposition format 0.0.4.
std::string Scrape();

}  // namespace registryd::metrics
