#include "registryd/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <memory>
#include <utility>

#include "registryd/base/mutex.h"

namespace registryd::metrics {
namespace {

class RealCounter final : public Counter {
 public:
  explicit RealCounter(prometheus::Counter& counter) : counter_(counter) {}
  void Add(double amount) override { counter_.Increment(amount); }

 private:
  prometheus::Counter& counter_;
};
class RealGauge final : public Gauge {
 public:
  explicit RealGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }

 private:
  prometheus::Gauge& gauge_;
};
class RealHistogram final : public Histogram {
 public:
  explicit RealHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

// Everything that is measured. Never destroyed: threads may count while the process exits.
struct All {
  Mutex mutex;
  prometheus::Registry registry;
  // By name and labels.
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Counter>> counters
      ABSL_GUARDED_BY(mutex);
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Gauge>> gauges ABSL_GUARDED_BY(mutex);
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Histogram>> histograms
      ABSL_GUARDED_BY(mutex);

  // Held while hooks run, so that a hook that has gone is not running any more.
  Mutex hooks_mutex;
  std::map<int, std::function<void()>> hooks ABSL_GUARDED_BY(hooks_mutex);
  int next_hook ABSL_GUARDED_BY(hooks_mutex) = 0;
};

All& Everything() {
  static auto* all = new All;
  return *all;
}

}  // namespace

Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels) {
  All& all = Everything();
  MutexLock lock(all.mutex);
  std::unique_ptr<Counter>& counter = all.counters[{name, labels}];
  if (counter == nullptr) {
    counter = std::make_unique<RealCounter>(
        prometheus::BuildCounter().Name(name).Help(help).Register(all.registry).Add(labels));
  }
  return *counter;
}

Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels) {
  All& all = Everything();
  MutexLock lock(all.mutex);
  std::unique_ptr<Gauge>& gauge = all.gauges[{name, labels}];
  if (gauge == nullptr) {
    gauge = std::make_unique<RealGauge>(
        prometheus::BuildGauge().Name(name).Help(help).Register(all.registry).Add(labels));
  }
  return *gauge;
}

Histogram& GetHistogram(const std::string& name, const std::string& help,
                        const std::vector<double>& upper_bounds, const Labels& labels) {
  All& all = Everything();
  MutexLock lock(all.mutex);
  std::unique_ptr<Histogram>& histogram = all.histograms[{name, labels}];
  if (histogram == nullptr) {
    histogram = std::make_unique<RealHistogram>(prometheus::BuildHistogram()
                                                    .Name(name)
                                                    .Help(help)
                                                    .Register(all.registry)
                                                    .Add(labels, upper_bounds));
  }
  return *histogram;
}

ScrapeHook::ScrapeHook(std::function<void()> refresh)
    : id_([&refresh] {
        All& all = Everything();
        MutexLock lock(all.hooks_mutex);
        all.hooks[all.next_hook] = std::move(refresh);
        return all.next_hook++;
      }()) {}

ScrapeHook::~ScrapeHook() {
  All& all = Everything();
  MutexLock lock(all.hooks_mutex);
  all.hooks.erase(id_);
}

std::string Scrape() {
  All& all = Everything();
  {
    MutexLock lock(all.hooks_mutex);
    for (const auto& [id, refresh] : all.hooks) refresh();
  }
  return prometheus::TextSerializer().Serialize(all.registry.Collect());
}

}  // namespace registryd::metrics
