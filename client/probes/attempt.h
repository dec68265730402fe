// Attempt: one probe under way. A kind of probe is a subclass; the Prober owns the clock.
//
// Everything but the constructor runs on the prober's thread. The Prober calls Start once, and
// Abort when the time is over or the prober goes; after Abort the subclass holds no socket and
// whatever it says is not heard any more.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/probes/probe.h"

namespace registry::probes {

class NameResolver;

class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  using Ended = std::function<void(ProbeOutcome, std::string detail)>;

  Attempt(Probe probe, Ended ended) : probe_(std::move(probe)), ended_(std::move(ended)) {}
  virtual ~Attempt() = default;
  virtual void Start() = 0;
  virtual void Abort() = 0;

  const Probe& probe() const { return probe_; }
  // What it is waiting for, for the message of a timeout.
  const char* stage() const { return stage_; }

 protected:
  void Stage(const char* stage) { stage_ = stage; }
  // The first call counts.
  void End(ProbeOutcome outcome, std::string detail) {
    if (auto ended = std::exchange(ended_, nullptr)) ended(outcome, std::move(detail));
  }

 private:
  const Probe probe_;
  Ended ended_;
  const char* stage_ = "starting";
};

// Makes the connection that TCP and HTTP probes begin with.
class SocketAttempt : public Attempt {
 public:
  SocketAttempt(Probe probe, Ended ended, boost::asio::io_context& io, NameResolver& names);
  void Start() override;
  void Abort() override;

 protected:
  virtual void OnConnected() = 0;
  boost::asio::ip::tcp::socket& socket() { return socket_; }
  std::shared_ptr<SocketAttempt> Self() {
    return std::static_pointer_cast<SocketAttempt>(shared_from_this());
  }
  // kNotAsked where the error is ours (no descriptor, no port left), else kFailed.
  void EndWith(const boost::system::error_code& error);

 private:
  void Connect();
  bool ConnectedToItself() const;

  NameResolver& names_;
  boost::asio::ip::tcp::socket socket_;
  std::vector<boost::asio::ip::tcp::endpoint> addresses_;
  size_t next_ = 0;
  bool aborted_ = false;
};

std::shared_ptr<Attempt> MakeTcpAttempt(Probe probe, Attempt::Ended ended,
                                        boost::asio::io_context& io, NameResolver& names);
std::shared_ptr<Attempt> MakeHttpAttempt(Probe probe, Attempt::Ended ended,
                                         boost::asio::io_context& io, NameResolver& names);
std::shared_ptr<Attempt> MakeProcessAttempt(Probe probe, Attempt::Ended ended);
// `calls` is told of each call of gRPC that begins and ends, so that the prober outlives them.
class OpenCalls;
std::shared_ptr<Attempt> MakeGrpcAttempt(Probe probe, Attempt::Ended ended, OpenCalls& calls);

// Printable ASCII, at most `most` characters: what a target says is not trusted.
std::string Printable(std::string_view text, size_t most = 256);

}  // namespace registry::probes
