#include <boost/asio/error.hpp>
#include <utility>

#include "client/probes/attempt.h"
#include "client/probes/name_resolver.h"

namespace registry::probes {
namespace {

namespace asio = boost::asio;

bool Ours(const boost::system::error_code& error) {
  return error == asio::error::no_descriptors || error == asio::error::no_memory ||
         error == asio::error::no_buffer_space || error == asio::error::access_denied ||
         error == boost::system::errc::too_many_files_open_in_system ||
         error == boost::system::errc::address_not_available;
}

class TcpAttempt final : public SocketAttempt {
 public:
  using SocketAttempt::SocketAttempt;

 private:
  void OnConnected() override { End(ProbeOutcome::kPassed, "connected"); }
};

}  // namespace

SocketAttempt::SocketAttempt(Probe probe, Ended ended, asio::io_context& io, NameResolver& names)
    : Attempt(std::move(probe), std::move(ended)), names_(names), socket_(io) {}

void SocketAttempt::Start() {
  Stage("resolving the name");
  names_.Resolve(probe().host, probe().port, [self = Self()](NameResolver::Answer answer) {
    if (self->aborted_) return;
    if (answer.addresses.empty()) {
      return self->End(answer.refused ? ProbeOutcome::kNotAsked : ProbeOutcome::kFailed,
                       "cannot resolve " + self->probe().host + ": " + answer.error);
    }
    self->addresses_ = std::move(answer.addresses);
    self->Connect();
  });
}

void SocketAttempt::Connect() {
  Stage("connecting");
  boost::system::error_code ignored;
  socket_.close(ignored);
  socket_.async_connect(addresses_[next_], [self = Self()](const boost::system::error_code& error) {
    if (self->aborted_) return;
    if (!error && !self->ConnectedToItself()) return self->OnConnected();
    // A name with several addresses: one that listens is enough.
    if (++self->next_ < self->addresses_.size()) return self->Connect();
    self->EndWith(error ? error : asio::error::connection_refused);
  });
}

// On one machine, a port that nobody listens on may be chosen as our own end; the kernel then
// connects the socket with itself.
bool SocketAttempt::ConnectedToItself() const {
  boost::system::error_code none;
  return socket_.local_endpoint(none) == socket_.remote_endpoint(none);
}

void SocketAttempt::EndWith(const boost::system::error_code& error) {
  End(Ours(error) ? ProbeOutcome::kNotAsked : ProbeOutcome::kFailed, error.message());
}

void SocketAttempt::Abort() {
  aborted_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

std::shared_ptr<Attempt> MakeTcpAttempt(Probe probe, Attempt::Ended ended, asio::io_context& io,
                                        NameResolver& names) {
  return std::make_shared<TcpAttempt>(std::move(probe), std::move(ended), io, names);
}

}  // namespace registry::probes
