// What a pick costs: ns and allocations, per policy, number of instances and of threads, while the
// view changes; and what a subscribed instance costs in memory.
//
//   pick_bench             the table of docs/client.md
//   pick_bench --smoke     a short run that shows that it works
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include <ctime>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "registry/picker.h"
#include "registry/view.h"

namespace {

thread_local uint64_t allocations = 0;
std::atomic<uint64_t> live_bytes{0};

void* Counted(void* memory) {
  if (memory == nullptr) std::abort();
  ++allocations;
  live_bytes.fetch_add(malloc_usable_size(memory), std::memory_order_relaxed);
  return memory;
}

void Freed(void* memory) {
  if (memory == nullptr) return;
  live_bytes.fetch_sub(malloc_usable_size(memory), std::memory_order_relaxed);
  std::free(memory);
}

int64_t Nanos(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

registry::InstancePtr MakeInstance(size_t number, uint32_t weight) {
  auto instance = std::make_shared<registry::Instance>();
  instance->spec.service = "web";
  instance->spec.id = "instance-" + std::to_string(number);
  instance->spec.endpoints = {{.name = "http", .host = "10.1.2.3", .port = 8080}};
  instance->spec.version = "1.4.2";
  instance->spec.labels = {{"env", "prod"}, {"tier", "frontend"}};
  instance->spec.zone = number % 3 == 0 ? "eu-1" : "eu-2";
  instance->spec.weight = weight;
  instance->incarnation = 1;
  instance->health = registry::Health::kPassing;
  return instance;
}

registry::ViewPtr MakeView(size_t instances, uint32_t weight_of_first) {
  registry::View view{.cluster_id = 1, .revision = 1};
  for (size_t i = 0; i < instances; ++i) {
    view.instances.push_back(MakeInstance(i, i == 0 ? weight_of_first : 1));
  }
  std::sort(view.instances.begin(), view.instances.end(),
            [](const auto& a, const auto& b) { return registry::NameLess(a->spec, b->spec); });
  return std::make_shared<const registry::View>(std::move(view));
}

// One instance of the view with another weight, the others shared: what a change brings.
registry::ViewPtr Changed(const registry::ViewPtr& before, uint32_t weight) {
  registry::View view = *before;
  auto instance = std::make_shared<registry::Instance>(*view.instances[0]);
  instance->spec.weight = weight;
  view.instances[0] = std::move(instance);
  ++view.revision;
  return std::make_shared<const registry::View>(std::move(view));
}

// On a busy machine two threads would take turns, and not be in each other's way.
void PinTo(int number) {
  cpu_set_t allowed;
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  for (int cpu = 0, left = number % CPU_COUNT(&allowed); cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && left-- == 0) CPU_SET(cpu, &mine);
  }
  pthread_setaffinity_np(pthread_self(), sizeof(mine), &mine);
}

struct Result {
  double pick_ns = 0;       // CPU time of one Pick, of the picking threads
  double pick_done_ns = 0;  // of Pick and Done together
  uint64_t allocations = 0;
  int changes = 0;
};

Result Measure(const registry::PolicyPtr& policy, size_t instances, int threads, int picks) {
  registry::Picker picker({.policy = policy});
  registry::ViewPtr view = MakeView(instances, 1);
  picker.SetView(view);
  std::atomic<int> running{threads};
  std::atomic<int64_t> pick_ns{0};
  std::atomic<int64_t> both_ns{0};
  std::atomic<uint64_t> allocated{0};
  std::vector<std::thread> pickers;
  for (int t = 0; t < threads; ++t) {
    pickers.emplace_back([&, t] {
      PinTo(t);
      const std::string key = "user-" + std::to_string(t);
      for (int i = 0; i < 1'000; ++i) picker.Pick({.key = key}).Done(true, absl::Milliseconds(1));
      // Picked ones are kept a while, so that Done is not in the time of Pick.
      constexpr int kHeld = 64;
      std::vector<registry::Picked> held(kHeld);
      const uint64_t allocations_before = allocations;
      int64_t picking = 0;
      const int64_t begin = Nanos(CLOCK_THREAD_CPUTIME_ID);
      for (int i = 0; i < picks; i += kHeld) {
        const int64_t before = Nanos(CLOCK_THREAD_CPUTIME_ID);
        for (registry::Picked& one : held) one = picker.Pick({.key = key});
        picking += Nanos(CLOCK_THREAD_CPUTIME_ID) - before;
        for (registry::Picked& one : held) one.Done(true, absl::Milliseconds(1));
      }
      both_ns += Nanos(CLOCK_THREAD_CPUTIME_ID) - begin;
      pick_ns += picking;
      allocated += allocations - allocations_before;
      --running;
    });
  }
  Result result;
  // About a hundred changes a second, as long as they pick.
  for (uint32_t weight = 2; running > 0; weight = 5 - weight) {
    view = Changed(view, weight);
    picker.SetView(view);
    ++result.changes;
    poll(nullptr, 0, 10);
  }
  for (std::thread& thread : pickers) thread.join();
  const double all = double{1} * threads * picks;
  result.pick_ns = static_cast<double>(pick_ns) / all;
  result.pick_done_ns = static_cast<double>(both_ns) / all;
  result.allocations = allocated;
  return result;
}

void MeasureMemory(size_t instances) {
  const uint64_t before = live_bytes;
  registry::ViewPtr view = MakeView(instances, 1);
  const uint64_t with_view = live_bytes;
  registry::Picker picker;
  picker.SetView(view);
  const uint64_t with_picker = live_bytes;
  std::printf(
      "\nmemory of a subscribed instance (%zu of them): view %.0f bytes, picker %.0f bytes more\n",
      instances, static_cast<double>(with_view - before) / static_cast<double>(instances),
      static_cast<double>(with_picker - with_view) / static_cast<double>(instances));
}

}  // namespace

// The counting allocator: every allocation of the process, and the bytes that are alive.
void* operator new(size_t size) { return Counted(std::malloc(size)); }

void* operator new(size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<size_t>(alignment);
  return Counted(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}

void operator delete(void* memory) noexcept { Freed(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { Freed(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { Freed(memory); }
void operator delete(void* memory, size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  Freed(memory);
}

int main(int argc, char** argv) {
  const bool smoke = argc > 1 && std::strcmp(argv[1], "--smoke") == 0;
  const int picks = smoke ? 6'400 : 6'400'000;
  const std::vector<std::pair<const char*, registry::PolicyPtr>> policies = {
      {"weighted round robin", registry::WeightedRoundRobin()},
      {"least requests (P2C)", registry::LeastRequests()},
      {"affinity (maglev)", registry::Affinity()},
      {"zone aware over P2C", registry::ZoneAware({.zone = "eu-1"}, registry::LeastRequests())},
  };
  std::printf("%-22s %9s %7s %9s %14s %11s %7s\n", "policy", "instances", "threads", "pick ns",
              "pick+done ns", "allocations", "changes");
  uint64_t allocated = 0;
  for (const auto& [name, policy] : policies) {
    for (const size_t instances : {size_t{1}, size_t{100}, size_t{10'000}}) {
      for (const int threads : {1, 2}) {
        const Result result = Measure(policy, instances, threads, picks);
        std::printf("%-22s %9zu %7d %9.1f %14.1f %11llu %7d\n", name, instances, threads,
                    result.pick_ns, result.pick_done_ns,
                    static_cast<unsigned long long>(result.allocations), result.changes);
        allocated += result.allocations;
      }
    }
  }
  MeasureMemory(smoke ? 1'000 : 10'000);
  if (allocated != 0) std::fprintf(stderr, "pick_bench: picks allocate\n");
  return allocated == 0 ? 0 : 1;
}
