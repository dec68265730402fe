// A stream of a watch of any server: says hello where there is something to say, subscribes one
// message after another, and hands over what comes.
//
//   WatchStream stream(load.stub(i), {.method = kEtcdWatch, .subscribe = {...},
//                                     .on_message = [&](std::string_view message) { ... },
//                                     .on_done = [&] { ... }});
//   stream.Cancel();     // on_done follows, and then nothing
//
// Threads: gRPC's; messages of one stream come one at a time. It lives until on_done.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/load.h"

namespace registryd::bench {

class WatchStream final : public grpc::ClientBidiReactor<Bytes, Bytes> {
 public:
  struct Parts {
    std::string method;
    std::string hello = {};
    std::vector<std::string> subscribe;
    std::function<void(std::string_view message)> on_message;
    std::function<void()> on_done;
  };
  WatchStream(Stub* stub, Parts parts) : parts_(std::move(parts)) {
    stub->PrepareBidiStreamingCall(&context_, parts_.method, {}, this);
    StartRead(&response_);
    request_ = ToBytes(parts_.hello);
    parts_.hello.empty() ? Subscribe() : StartWrite(&request_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

  void OnWriteDone(bool ok) override {
    if (ok && subscribed_ < parts_.subscribe.size()) Subscribe();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    grpc::Slice slice;
    if (response_.DumpToSingleSlice(&slice).ok()) {
      parts_.on_message({reinterpret_cast<const char*>(slice.begin()), slice.size()});
    }
    StartRead(&response_);
  }
  void OnDone(const grpc::Status&) override { parts_.on_done(); }

 private:
  void Subscribe() {
    request_ = ToBytes(parts_.subscribe[subscribed_++]);
    StartWrite(&request_);
  }

  const Parts parts_;
  grpc::ClientContext context_;
  size_t subscribed_ = 0;
  Bytes request_;
  Bytes response_;
};

}  // namespace registryd::bench
