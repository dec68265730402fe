#include "registryd/base/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/mutex.h"
#include "registryd/base/text.h"

namespace registryd::metrics {
namespace {

// Threads count on different cache lines; who reads adds them up.
constexpr size_t kShards = 8;

size_t ThisShard() {
  static std::atomic<size_t> next{0};
  thread_local const size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

void Increase(std::atomic<double>& value, double amount) {
  value.fetch_add(amount, std::memory_order_relaxed);
}

// What prometheus-cpp writes out.
class Readable {
 public:
  virtual ~Readable() = default;
  virtual void Read(prometheus::ClientMetric* out) const = 0;
};

class RealCounter final : public Counter, public Readable {
 public:
  void Add(double amount) override { Increase(shards_[ThisShard()].value, amount); }
  void Read(prometheus::ClientMetric* out) const override {
    for (const Shard& shard : shards_) out->counter.value += shard.value;
  }

 private:
  struct alignas(64) Shard {
    std::atomic<double> value{0};
  };
  std::array<Shard, kShards> shards_;
};

class RealGauge final : public Gauge, public Readable {
 public:
  void Set(double value) override { value_ = value; }
  void Add(double amount) override { Increase(value_, amount); }
  void Read(prometheus::ClientMetric* out) const override { out->gauge.value = value_; }

 private:
  std::atomic<double> value_{0};
};

class RealHistogram final : public Histogram, public Readable {
 public:
  explicit RealHistogram(const std::vector<double>& upper_bounds) : bounds_(upper_bounds) {
    REGISTRYD_CHECK(std::is_sorted(bounds_.begin(), bounds_.end()), "bounds must grow");
    for (Shard& shard : shards_) shard.counts = std::vector<Count>(bounds_.size() + 1);
  }
  void Observe(double value) override {
    const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    Shard& shard = shards_[ThisShard()];
    shard.counts[static_cast<size_t>(bucket)].value.fetch_add(1, std::memory_order_relaxed);
    Increase(shard.sum, value);
  }
  void Read(prometheus::ClientMetric* out) const override {
    uint64_t total = 0;
    for (size_t i = 0; i <= bounds_.size(); ++i) {
      for (const Shard& shard : shards_) total += shard.counts[i].value;
      if (i < bounds_.size()) {
        out->histogram.bucket.push_back({.cumulative_count = total, .upper_bound = bounds_[i]});
      }
    }
    out->histogram.sample_count = total;
    for (const Shard& shard : shards_) out->histogram.sample_sum += shard.sum;
  }

 private:
  struct Count {
    std::atomic<uint64_t> value{0};
  };
  struct alignas(64) Shard {
    std::vector<Count> counts;
    std::atomic<double> sum{0};
  };
  const std::vector<double> bounds_;
  std::array<Shard, kShards> shards_;
};

// All metrics of one name.
struct Family {
  std::string help;
  prometheus::MetricType type = prometheus::MetricType::Untyped;
  std::map<Labels, std::unique_ptr<Readable>> metrics;
};

// Everything that is measured. Never destroyed: threads may count while the process exits.
struct All {
  Mutex mutex;
  std::map<std::string, Family> families ABSL_GUARDED_BY(mutex);

  // Held while hooks run, so that a hook that has gone is not running any more.
  Mutex hooks_mutex;
  std::map<int, std::function<void()>> hooks ABSL_GUARDED_BY(hooks_mutex);
  int next_hook ABSL_GUARDED_BY(hooks_mutex) = 0;
};

All& Everything() {
  static auto* all = new All;
  return *all;
}

template <class Metric, class... Arguments>
Metric& Get(const std::string& name, const std::string& help, prometheus::MetricType type,
            const Labels& labels, const Arguments&... arguments) {
  All& all = Everything();
  MutexLock lock(all.mutex);
  Family& family = all.families[name];
  if (family.metrics.empty()) {
    family.help = help;
    family.type = type;
  }
  REGISTRYD_CHECK(family.type == type, Text("metric ", name, " is of two types"));
  std::unique_ptr<Readable>& metric = family.metrics[labels];
  if (metric == nullptr) metric = std::make_unique<Metric>(arguments...);
  return static_cast<Metric&>(*metric);
}

std::vector<prometheus::MetricFamily> Collect(All& all) {
  std::vector<prometheus::MetricFamily> collected;
  MutexLock lock(all.mutex);
  for (const auto& [name, family] : all.families) {
    auto& out = collected.emplace_back();
    out.name = name;
    out.help = family.help;
    out.type = family.type;
    for (const auto& [labels, metric] : family.metrics) {
      auto& line = out.metric.emplace_back();
      for (const auto& [label, value] : labels) line.label.push_back({label, value});
      metric->Read(&line);
    }
  }
  return collected;
}

}  // namespace

Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels) {
  return Get<RealCounter>(name, help, prometheus::MetricType::Counter, labels);
}

Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Get<RealGauge>(name, help, prometheus::MetricType::Gauge, labels);
}

Histogram& GetHistogram(const std::string& name, const std::string& help,
                        const std::vector<double>& upper_bounds, const Labels& labels) {
  return Get<RealHistogram>(name, help, prometheus::MetricType::Histogram, labels, upper_bounds);
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
  return prometheus::TextSerializer().Serialize(Collect(all));
}

}  // namespace registryd::metrics
