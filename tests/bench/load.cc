#include "tests/bench/load.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>

#include "tests/bench/recorder.h"
#include "tests/bench/watch_stream.h"

namespace registryd::bench {
namespace {

// One call at a time.
struct UnarySlot {
  std::unique_ptr<grpc::ClientContext> context;
  Bytes request;
  Bytes response;
};

class FrameStream final : public grpc::ClientBidiReactor<Bytes, Bytes> {
 public:
  FrameStream(Stub* stub, const FrameLoad& load, size_t stream, Recorder* recorder)
      : frame_(ToBytes(load.frame(stream))), recorder_(recorder) {
    stub->PrepareBidiStreamingCall(&context_, load.method, {}, this);
    StartRead(&response_);
    Send();
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    recorder_->Done(begin_);
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

// Counts how many subscriptions have seen the event under way.
class Gathering {
 public:
  explicit Gathering(size_t wanted) : wanted_(wanted) {}
  void Arrived(size_t count) {
    if (count == 0) return;
    std::lock_guard lock(mutex_);
    arrived_ += count;
    if (arrived_ >= wanted_) all_.notify_all();
  }
  // False: some subscription never got it.
  bool WaitForAll() {
    std::unique_lock lock(mutex_);
    const bool all =
        all_.wait_for(lock, std::chrono::seconds(20), [this] { return arrived_ >= wanted_; });
    arrived_ = 0;
    return all;
  }

 private:
  const size_t wanted_;
  std::mutex mutex_;
  std::condition_variable all_;
  size_t arrived_ = 0;
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

Load::Load(const std::string& address, size_t channels,
           std::shared_ptr<grpc::ChannelCredentials> credentials) {
  if (credentials == nullptr) credentials = grpc::InsecureChannelCredentials();
  for (size_t i = 0; i < channels; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection each
    arguments.SetMaxReceiveMessageSize(-1);
    stubs_.push_back(
        std::make_unique<Stub>(grpc::CreateCustomChannel(address, credentials, arguments)));
  }
}

Measured Load::Unary(const UnaryLoad& load, double seconds) {
  std::vector<UnarySlot> slots(load.shape.outstanding);
  return Drive(load.shape, seconds, [&](size_t at, uint64_t n, Done done) {
    UnarySlot& slot = slots[at];
    slot.context = std::make_unique<grpc::ClientContext>();
    slot.request = ToBytes(load.request(n));
    stubs_[at % stubs_.size()]->UnaryCall(
        slot.context.get(), load.method, {}, &slot.request, &slot.response,
        [done = std::move(done)](const grpc::Status& status) {
          done(status.ok() ? std::string() : status.error_message() + ".");
        });
  });
}

Measured Load::Frames(const FrameLoad& load, double seconds) {
  Recorder recorder(load.streams, seconds);
  std::vector<std::unique_ptr<FrameStream>> streams;
  for (size_t i = 0; i < load.streams; ++i) {
    streams.push_back(
        std::make_unique<FrameStream>(stubs_[i % stubs_.size()].get(), load, i, &recorder));
  }
  return recorder.Wait();
}

Measured Load::Watch(const WatchLoad& load, double seconds) {
  Gathering gathering(load.streams * load.subscribe.size());
  Recorder ends(load.streams, 0);
  std::vector<std::unique_ptr<WatchStream>> streams;
  for (size_t i = 0; i < load.streams; ++i) {
    streams.push_back(std::make_unique<WatchStream>(
        stub(i), WatchStream::Parts{
                     .method = load.method,
                     .hello = load.hello,
                     .subscribe = load.subscribe,
                     .on_message =
                         [&](std::string_view message) { gathering.Arrived(load.counts(message)); },
                     .on_done = [&] { ends.SlotEnded(); }}));
  }
  bool whole = gathering.WaitForAll();  // the snapshots
  Recorder recorder(1, seconds);
  for (uint64_t n = 0; whole && !recorder.over(); ++n) {
    const auto begin = SteadyClock::now();
    Call(load.change_method, load.change(n));
    whole = gathering.WaitForAll();
    if (whole) recorder.Done(begin);
  }
  if (!whole) recorder.Failed("an event has not reached every subscription in 20 s");
  recorder.SlotEnded();
  Measured measured = recorder.Wait();
  for (auto& stream : streams) stream->Cancel();
  ends.Wait();
  return measured;
}

bool Load::TryCall(const std::string& method, const std::string& request, std::string* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const Bytes bytes = ToBytes(request);
  Bytes answer;
  std::promise<grpc::Status> answered;
  stubs_[0]->UnaryCall(&context, method, {}, &bytes, &answer,
                       [&](grpc::Status status) { answered.set_value(std::move(status)); });
  const grpc::Status status = answered.get_future().get();
  *response = status.ok() ? ToText(answer) : status.error_message();
  return status.ok();
}

std::string Load::Call(const std::string& method, const std::string& request) {
  std::string response;
  if (TryCall(method, request, &response)) return response;
  std::fprintf(stderr, "bench: %s failed: %s\n", method.c_str(), response.c_str());
  std::exit(1);
}

}  // namespace registryd::bench
