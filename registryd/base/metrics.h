// Metrics in Prometheus' conventions. prometheus-cpp writes the page; only metrics.cc sees it.
//
//   static metrics::Counter& lost = metrics::GetCounter("registryd_renewals_lost_total", "Renewals
//   of unknown leases."); lost.Add(); metrics::ScrapeHook hook([&] { gauge.Set(view->instances);
//   }); std::string page = metrics::Scrape();    // runs the hooks first
//
// Names: registryd_<what>_<unit>, counters end in _total. The same name and labels give the same
// object, which lives as long as the process; labels are few and never named by a caller. Threads:
// any. Cost: Add and Observe are one or two atomic additions on a cache line that few threads
// share, about 10 ns; a counter takes 512 bytes. Look objects up once, not in a hot path.
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
  virtual void Add(double amount) = 0;
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
