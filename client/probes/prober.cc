#include "client/probes/prober.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <future>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/time/time.h"
#include "client/probes/attempt.h"
#include "client/probes/name_resolver.h"
#include "client/probes/open_calls.h"

namespace registry::probes {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

}  // namespace

// The map belongs to the prober's thread. Whoever is not in it any more has been answered.
struct Prober::Impl {
  struct Running {
    std::shared_ptr<Attempt> attempt;
    std::unique_ptr<asio::steady_timer> timer;
    Clock::time_point began;
    Done done;
  };

  void Run(const Probe& probe, Done done) {
    const uint64_t id = next_id++;
    Running running{.attempt = Make(probe, id),
                    .timer = std::make_unique<asio::steady_timer>(io),
                    .began = Clock::now(),
                    .done = std::move(done)};
    running.timer->expires_after(absl::ToChronoNanoseconds(probe.timeout));
    running.timer->async_wait([this, id](const boost::system::error_code& error) {
      const auto found = all.find(id);
      if (error || found == all.end()) return;
      End(id, ProbeOutcome::kFailed,
          "no answer within " + absl::FormatDuration(found->second.attempt->probe().timeout) +
              " (" + found->second.attempt->stage() + ")");
    });
    const std::shared_ptr<Attempt> attempt = running.attempt;
    all.emplace(id, std::move(running));
    attempt->Start();
  }

  std::shared_ptr<Attempt> Make(const Probe& probe, uint64_t id) {
    // Posted, so that an attempt that ends inside Start does not go under its own feet.
    auto ended = [this, id](ProbeOutcome outcome, std::string detail) {
      asio::post(io, [this, id, outcome, detail = std::move(detail)]() mutable {
        End(id, outcome, std::move(detail));
      });
    };
    switch (probe.kind) {
      case ProbeKind::kHttp:
        return MakeHttpAttempt(probe, std::move(ended), io, *names);
      case ProbeKind::kTcp:
        return MakeTcpAttempt(probe, std::move(ended), io, *names);
      case ProbeKind::kGrpc:
        return MakeGrpcAttempt(probe, std::move(ended), calls);
      case ProbeKind::kProcess:
        break;
    }
    return MakeProcessAttempt(probe, std::move(ended));
  }

  void End(uint64_t id, ProbeOutcome outcome, std::string detail) {
    const auto found = all.find(id);
    if (found == all.end()) return;
    const Running running = std::move(found->second);
    all.erase(found);
    running.attempt->Abort();
    in_flight.fetch_sub(1);
    running.done({.outcome = outcome,
                  .detail = ToString(running.attempt->probe()) + ": " + std::move(detail),
                  .took = absl::FromChrono(Clock::now() - running.began)});
  }

  void Stop() {
    std::promise<void> answered;
    asio::post(io, [&] {
      stopping = true;
      while (!all.empty()) {
        End(all.begin()->first, ProbeOutcome::kNotAsked, "the prober was stopped");
      }
      names = nullptr;
      answered.set_value();
    });
    answered.get_future().wait();
    calls.WaitForNone();
    work.reset();  // what is still posted runs: nobody is left without an answer
    thread.join();
  }

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  OpenCalls calls{io};
  std::unique_ptr<NameResolver> names = std::make_unique<NameResolver>(io);
  std::unordered_map<uint64_t, Running> all;
  uint64_t next_id = 0;
  bool stopping = false;  // the prober's thread only
  std::atomic<size_t> in_flight{0};
  std::thread thread;
};

Prober::Prober() : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([impl = impl_.get()] {
    pthread_setname_np(pthread_self(), "prober");
    impl->io.run();
  });
}

Prober::~Prober() { impl_->Stop(); }

void Prober::Start(const Probe& probe, Done done) {
  const absl::Status valid = ValidateProbe(probe);
  const bool admitted = valid.ok() && impl_->in_flight.fetch_add(1) < kInFlightMax;
  asio::post(impl_->io, [impl = impl_.get(), probe, done = std::move(done), valid, admitted] {
    if (admitted && !impl->stopping) return impl->Run(probe, done);
    if (valid.ok()) impl->in_flight.fetch_sub(1);
    if (!valid.ok()) {
      return done({.outcome = ProbeOutcome::kFailed, .detail = std::string(valid.message())});
    }
    done({.outcome = ProbeOutcome::kNotAsked,
          .detail = impl->stopping
                        ? "the prober was stopped"
                        : "too many probes are under way (" + std::to_string(kInFlightMax) + ")"});
  });
}

ProbeResult Prober::Ask(const Probe& probe) {
  std::promise<ProbeResult> answer;
  Start(probe, [&answer](const ProbeResult& result) { answer.set_value(result); });
  return answer.get_future().get();
}

size_t Prober::in_flight() const { return impl_->in_flight.load(); }

}  // namespace registry::probes
