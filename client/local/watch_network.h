// The network as a watch sees it: one stream at a time, of messages, to one of several servers.
//
// client/src has the one of gRPC; tests have one in memory. Loop thread only: a stream calls its
// listener on it, and never from within a call of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/local/clock.h"
#include "registry/v1/discovery.pb.h"

namespace registry {

class WatchStream {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnMessage(const v1::WatchResponse& message) = 0;
    // The server or the network ended it. Called once.
    virtual void OnEnd(const absl::Status& status) = 0;
    // What was given to Send has gone out.
    virtual void OnSent() = 0;
  };

  // The listener is not called any more, whatever the server does.
  virtual ~WatchStream() = default;

  virtual void Send(v1::WatchRequest message) = 0;
  // Nothing more is sent: the server ends the stream after the last message.
  virtual void End() = 0;
  // Something given to Send has not gone out yet.
  virtual bool sending() const = 0;
};

class WatchNetwork {
 public:
  virtual ~WatchNetwork() = default;

  virtual std::unique_ptr<WatchStream> Open(size_t server, WatchStream::Listener* listener) = 0;

  virtual size_t servers() const = 0;
  virtual const std::string& name(size_t server) const = 0;  // "host:port"
  // Where other calls have had their last answer.
  virtual size_t preferred() const = 0;

  // The time of what it delivers; a test may have one of its own.
  virtual TimePoint Now() const { return Clock::now(); }
};

}  // namespace registry
