#include "tests/support/watch_client.h"

#include <deque>
#include <optional>
#include <utility>

#include "tests/support/wait_for.h"

namespace registryd::testing {

using registry::v1::WatchRequest;
using registry::v1::WatchResponse;

// Keeps itself alive until gRPC is done with it.
class WatchClient::Stream final : public grpc::ClientBidiReactor<WatchRequest, WatchResponse>,
                                  public std::enable_shared_from_this<Stream> {
 public:
  Stream(WatchClient* client, bool read) : client_(client), read_(read) {
    context_.set_wait_for_ready(true);
  }

  void Start(registry::v1::Discovery::Stub& stub, std::deque<WatchRequest> first) {
    self_ = shared_from_this();
    stub.async()->Watch(&context_, this);
    writes_ = std::move(first);
    AddHold();  // for the writes that come from outside
    if (read_) StartRead(&response_);
    StartWrite(&writes_.front());
    StartCall();
  }
  void Send(WatchRequest request) {
    std::lock_guard lock(mutex_);
    if (done_ || closing_) return;
    writes_.push_back(std::move(request));
    if (writes_.size() == 1) StartWrite(&writes_.front());
  }
  // Half-closes when everything is written.
  void CloseWrites() {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    if (writes_.empty()) StartWritesDone();
    RemoveHold();
  }
  void Cancel() {
    context_.TryCancel();
    std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    RemoveHold();
  }
  bool done() {
    std::lock_guard lock(mutex_);
    return done_;
  }
  void WaitDone() {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [this] { return done_; });
  }
  grpc::Status status() {
    std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return ReleaseOnce();
    client_->Taken(response_, this);
    StartRead(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return ReleaseOnce();
    std::lock_guard lock(mutex_);
    writes_.pop_front();
    if (!writes_.empty()) {
      StartWrite(&writes_.front());
    } else if (closing_) {
      StartWritesDone();
    }
  }
  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Stream> self = std::move(self_);
    std::lock_guard lock(mutex_);
    status_ = status;
    done_ = true;
    finished_.notify_all();
  }
  void ReleaseOnce() {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    RemoveHold();
  }

  WatchClient* const client_;
  const bool read_;
  grpc::ClientContext context_;
  WatchResponse response_;
  std::mutex mutex_;
  std::condition_variable finished_;
  std::deque<WatchRequest> writes_;  // the first one is under way
  bool closing_ = false;             // no further writes; the hold is gone
  bool done_ = false;
  grpc::Status status_;
  std::shared_ptr<Stream> self_;
};

WatchClient::WatchClient(Options options)
    : options_(std::move(options)),
      checker_(options_.hello.client_id().empty() ? options_.subscribe.ShortDebugString()
                                                  : options_.hello.client_id()) {
  MoveTo(options_.address);
}

WatchClient::~WatchClient() { Cut(); }

void WatchClient::MoveTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  arguments.SetMaxReceiveMessageSize(-1);
  stub_ = registry::v1::Discovery::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

void WatchClient::Connect() {
  std::shared_ptr<Stream> stream;
  std::deque<WatchRequest> first;
  {
    std::lock_guard lock(mutex_);
    if (stream_ != nullptr && !stream_->done()) return;
    if (options_.batches || !options_.hello.client_id().empty()) {
      *first.emplace_back().mutable_hello() = options_.hello;
      first.back().mutable_hello()->set_batches(options_.batches);
    }
    registry::v1::Subscribe& subscribe = *first.emplace_back().mutable_subscribe();
    subscribe = options_.subscribe;
    subscribe.set_subscription(1);
    std::optional<registry::v1::Cursor> resume;
    if (options_.subscribe.has_resume()) {
      resume = options_.subscribe.resume();  // of the first stream only
      options_.subscribe.clear_resume();
    } else if (checker_.whole()) {
      resume = checker_.cursor();
    }
    if (resume) *subscribe.mutable_resume() = *resume;
    checker_.Begin(resume);
    stream_ = stream = std::make_shared<Stream>(this, options_.read);
  }
  stream->Start(*stub_, std::move(first));
}

void WatchClient::Cut() {
  std::shared_ptr<Stream> stream;
  {
    std::lock_guard lock(mutex_);
    stream = stream_;
  }
  if (stream == nullptr) return;
  stream->Cancel();
  stream->WaitDone();
}

void WatchClient::SayGoodbye() {
  std::shared_ptr<Stream> stream;
  {
    std::lock_guard lock(mutex_);
    stream = stream_;
  }
  if (stream == nullptr) return;
  stream->CloseWrites();
  stream->WaitDone();
}

bool WatchClient::ended() const {
  std::lock_guard lock(mutex_);
  return stream_ == nullptr || stream_->done();
}

grpc::Status WatchClient::status() const {
  std::lock_guard lock(mutex_);
  return stream_ == nullptr ? grpc::Status::OK : stream_->status();
}

bool WatchClient::WaitUntilWhole() const {
  return WaitFor([this] { return Look([](const WatchChecker& c) { return c.whole(); }); });
}

void WatchClient::Acknowledge(uint64_t revision) {
  std::shared_ptr<Stream> stream;
  {
    std::lock_guard lock(mutex_);
    stream = stream_;
  }
  if (stream == nullptr) return;
  WatchRequest request;
  request.mutable_acknowledge()->set_subscription(1);
  request.mutable_acknowledge()->set_revision(revision);
  stream->Send(std::move(request));
}

void WatchClient::Taken(const WatchResponse& response, Stream* stream) {
  WatchRequest request;
  {
    std::lock_guard lock(mutex_);
    checker_.Take(response);
    for (const WatchResponse& more : response.also()) checker_.Take(more);
    if (!options_.acknowledge || !checker_.whole()) return;
    request.mutable_acknowledge()->set_subscription(1);
    request.mutable_acknowledge()->set_revision(checker_.revision());
  }
  stream->Send(std::move(request));
}

registry::v1::Subscribe ServiceScope(const std::string& service) {
  registry::v1::Subscribe subscribe;
  subscribe.set_service(service);
  return subscribe;
}

registry::v1::Subscribe PrefixScope(const std::string& prefix) {
  registry::v1::Subscribe subscribe;
  subscribe.set_prefix(prefix);
  return subscribe;
}

}  // namespace registryd::testing
