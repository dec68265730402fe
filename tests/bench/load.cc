#include "tests/bench/load.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <mutex>

namespace registryd::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

double Micros(SteadyClock::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

// Latencies of many threads, and the end of a run.
class Recorder {
 public:
  Recorder(size_t slots, double seconds)
      : running_(slots),
        end_(SteadyClock::now() + std::chrono::duration_cast<SteadyClock::duration>(
                                      std::chrono::duration<double>(seconds))) {}

  bool over() const { return SteadyClock::now() >= end_; }
  void Done(double micros) {
    std::lock_guard lock(mutex_);
    micros_.push_back(static_cast<float>(micros));
  }
  void Failed(const std::string& why) {
    std::lock_guard lock(mutex_);
    if (errors_++ == 0) first_error_ = why;
  }
  void SlotEnded() {
    std::lock_guard lock(mutex_);
    if (--running_ == 0) all_ended_.notify_all();
  }
  Measured Wait() {
    std::unique_lock lock(mutex_);
    all_ended_.wait(lock, [this] { return running_ == 0; });
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin_).count();
    std::sort(micros_.begin(), micros_.end());
    Measured measured;
    measured.errors = errors_;
    measured.first_error = first_error_;
    if (micros_.empty()) return measured;
    measured.per_second = static_cast<double>(micros_.size()) / seconds;
    measured.p50_us = micros_[micros_.size() / 2];
    measured.p99_us = micros_[micros_.size() * 99 / 100];
    return measured;
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_ended_;
  size_t running_;
  std::vector<float> micros_;
  uint64_t errors_ = 0;
  std::string first_error_;
  const SteadyClock::time_point begin_ = SteadyClock::now();
  const SteadyClock::time_point end_;
};

class UnarySlot {
 public:
  UnarySlot(Stub* stub, const UnaryLoad* load, std::atomic<uint64_t>* next, Recorder* recorder)
      : stub_(stub), load_(load), next_(next), recorder_(recorder) {}

  void Go() {
    if (recorder_->over()) return recorder_->SlotEnded();
    context_ = std::make_unique<grpc::ClientContext>();
    request_ = ToBytes(load_->request((*next_)++));
    begin_ = SteadyClock::now();
    stub_->UnaryCall(context_.get(), load_->method, {}, &request_, &response_,
                     [this](const grpc::Status& status) {
                       if (status.ok()) {
                         recorder_->Done(Micros(SteadyClock::now() - begin_));
                       } else {
                         recorder_->Failed(status.error_message());
                       }
                       Go();
                     });
  }

 private:
  Stub* const stub_;
  const UnaryLoad* const load_;
  std::atomic<uint64_t>* const next_;
  Recorder* const recorder_;
  std::unique_ptr<grpc::ClientContext> context_;
  Bytes request_;
  Bytes response_;
  SteadyClock::time_point begin_;
};

class FrameStream final : public grpc::ClientBidiReactor<Bytes, Bytes> {
 public:
  FrameStream(Stub* stub, const FrameLoad& load, Recorder* recorder)
      : frame_(ToBytes(load.frame)), recorder_(recorder) {
    stub->PrepareBidiStreamingCall(&context_, load.method, {}, this);
    StartRead(&response_);
    Send();
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    recorder_->Done(Micros(SteadyClock::now() - begin_));
    Half();
  }
  void OnWriteDone(bool) override { Half(); }
  void OnDone(const grpc::Status& status) override {
    if (!status.ok()) recorder_->Failed(status.error_message());
    recorder_->SlotEnded();
  }

 private:
  void Send() {
    begin_ = SteadyClock::now();
    StartWrite(&frame_);
  }
  // The answer may come before the write is reported as done; the next frame waits for both.
  void Half() {
    if (++halves_ % 2 != 0) return;
    if (recorder_->over()) return StartWritesDone();
    StartRead(&response_);
    Send();
  }
  std::atomic<uint64_t> halves_{0};
  grpc::ClientContext context_;
  const Bytes frame_;
  Bytes response_;
  Recorder* const recorder_;
  SteadyClock::time_point begin_;
};

// Counts how many streams have seen the event under way.
class Gathering {
 public:
  explicit Gathering(size_t streams) : streams_(streams) {}
  void Arrived() {
    std::lock_guard lock(mutex_);
    if (++arrived_ == streams_) all_.notify_all();
  }
  // False: some stream never got it.
  bool WaitForAll() {
    std::unique_lock lock(mutex_);
    const bool all =
        all_.wait_for(lock, std::chrono::seconds(20), [this] { return arrived_ >= streams_; });
    arrived_ = 0;
    return all;
  }

 private:
  const size_t streams_;
  std::mutex mutex_;
  std::condition_variable all_;
  size_t arrived_ = 0;
};

class WatchStream final : public grpc::ClientBidiReactor<Bytes, Bytes> {
 public:
  WatchStream(Stub* stub, const WatchLoad& load, Gathering* gathering, Recorder* recorder)
      : subscribe_(ToBytes(load.subscribe)), gathering_(gathering), recorder_(recorder) {
    stub->PrepareBidiStreamingCall(&context_, "/registry.v1.Discovery/Watch", {}, this);
    StartRead(&response_);
    StartWrite(&subscribe_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    // subscription 1, then the event's tag: a snapshot or changes count, a progress beat does not.
    grpc::Slice slice;
    if (response_.DumpToSingleSlice(&slice).ok() && slice.size() > 2 &&
        (slice.begin()[2] == 0x1a || slice.begin()[2] == 0x12)) {
      gathering_->Arrived();
    }
    StartRead(&response_);
  }
  void Cancel() { context_.TryCancel(); }
  void OnDone(const grpc::Status&) override { recorder_->SlotEnded(); }

 private:
  grpc::ClientContext context_;
  const Bytes subscribe_;
  Bytes response_;
  Gathering* const gathering_;
  Recorder* const recorder_;
};

}  // namespace

Bytes ToBytes(const std::string& text) {
  const grpc::Slice slice(text);
  return Bytes(&slice, 1);
}

std::string ToText(const Bytes& bytes) {
  grpc::Slice slice;
  if (!bytes.DumpToSingleSlice(&slice).ok()) return {};
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

Load::Load(const std::string& address, size_t channels) {
  for (size_t i = 0; i < channels; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection each
    stubs_.push_back(std::make_unique<Stub>(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
  }
}

Measured Load::Unary(const UnaryLoad& load, double seconds) {
  static std::atomic<uint64_t> next{1};  // never the same request twice in a run
  Recorder recorder(load.outstanding, seconds);
  std::vector<std::unique_ptr<UnarySlot>> slots;
  for (size_t i = 0; i < load.outstanding; ++i) {
    slots.push_back(
        std::make_unique<UnarySlot>(stubs_[i % stubs_.size()].get(), &load, &next, &recorder));
  }
  for (auto& slot : slots) slot->Go();
  return recorder.Wait();
}

Measured Load::Frames(const FrameLoad& load, double seconds) {
  Recorder recorder(load.streams, seconds);
  std::vector<std::unique_ptr<FrameStream>> streams;
  for (size_t i = 0; i < load.streams; ++i) {
    streams.push_back(
        std::make_unique<FrameStream>(stubs_[i % stubs_.size()].get(), load, &recorder));
  }
  return recorder.Wait();
}

Measured Load::Watch(const WatchLoad& load, double seconds) {
  Gathering gathering(load.streams);
  Recorder ends(load.streams, 0);
  std::vector<std::unique_ptr<WatchStream>> streams;
  for (size_t i = 0; i < load.streams; ++i) {
    streams.push_back(
        std::make_unique<WatchStream>(stubs_[i % stubs_.size()].get(), load, &gathering, &ends));
  }
  bool whole = gathering.WaitForAll();  // the snapshots
  Recorder recorder(1, seconds);
  for (uint64_t n = 0; whole && !recorder.over(); ++n) {
    const auto begin = SteadyClock::now();
    Call(load.change_method, load.change(n));
    whole = gathering.WaitForAll();
    if (whole) recorder.Done(Micros(SteadyClock::now() - begin));
  }
  if (!whole) recorder.Failed("an event has not reached every stream in 20 s");
  recorder.SlotEnded();
  Measured measured = recorder.Wait();
  for (auto& stream : streams) stream->Cancel();
  ends.Wait();
  return measured;
}

std::string Load::Call(const std::string& method, const std::string& request) {
  grpc::ClientContext context;
  const Bytes bytes = ToBytes(request);
  Bytes response;
  std::promise<grpc::Status> answered;
  stubs_[0]->UnaryCall(&context, method, {}, &bytes, &response,
                       [&](grpc::Status status) { answered.set_value(std::move(status)); });
  const grpc::Status status = answered.get_future().get();
  if (!status.ok()) {
    std::fprintf(stderr, "bench: %s failed: %s\n", method.c_str(), status.error_message().c_str());
    std::exit(1);
  }
  return ToText(response);
}

}  // namespace registryd::bench
