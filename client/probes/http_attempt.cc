#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <utility>

#include "client/probes/attempt.h"

namespace registry::probes {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr uint32_t kHeadersMax = 8 << 10;
constexpr size_t kBodyMax = 4 << 10;
constexpr size_t kShown = 120;

class HttpAttempt final : public SocketAttempt {
 public:
  HttpAttempt(Probe probe, Ended ended, asio::io_context& io, NameResolver& names)
      : SocketAttempt(std::move(probe), std::move(ended), io, names),
        buffer_(kHeadersMax + kBodyMax) {}

 private:
  std::shared_ptr<HttpAttempt> Me() { return std::static_pointer_cast<HttpAttempt>(Self()); }

  void OnConnected() override {
    Stage("sending the request");
    request_ = {http::verb::get, probe().path, 11};
    request_.set(http::field::host, HostHeader());
    request_.set(http::field::user_agent, "registry-probe");
    request_.set(http::field::accept, "*/*");
    request_.keep_alive(false);
    http::async_write(socket(), request_,
                      [self = Me()](const boost::system::error_code& error, size_t) {
                        if (error) return self->EndWith(error);
                        self->Read();
                      });
  }

  void Read() {
    Stage("waiting for the answer");
    answer_.header_limit(kHeadersMax);
    answer_.body_limit(boost::none);  // body_ is the limit
    auto& body = answer_.get().body();
    body.data = body_.data();
    body.size = body_.size();
    body.more = false;
    http::async_read(socket(), buffer_, answer_,
                     [self = Me()](const boost::system::error_code& error, size_t) {
                       // A long body is no fault: the status has been said, the rest is not read.
                       if (error && error != http::error::need_buffer) return self->EndWith(error);
                       self->Judge();
                     });
  }

  void Judge() {
    const auto& message = answer_.get();
    const unsigned status = message.result_int();
    std::string detail = std::to_string(status);
    if (const auto reason = message.reason(); !reason.empty()) {
      detail += " " + Printable({reason.data(), reason.size()}, kShown);
    }
    if (status >= 200 && status <= 299) return End(ProbeOutcome::kPassed, std::move(detail));
    if (const size_t left = message.body().size; left < body_.size()) {
      detail += ": " + Printable({body_.data(), body_.size() - left}, kShown);
    }
    End(ProbeOutcome::kFailed, std::move(detail));
  }

  std::string HostHeader() const {
    const std::string port = ":" + std::to_string(probe().port);
    return probe().host.find(':') == std::string::npos ? probe().host + port
                                                       : "[" + probe().host + "]" + port;
  }

  http::request<http::empty_body> request_;
  boost::beast::flat_buffer buffer_;
  std::array<char, kBodyMax> body_;
  http::response_parser<http::buffer_body> answer_;
};

}  // namespace

std::shared_ptr<Attempt> MakeHttpAttempt(Probe probe, Attempt::Ended ended, asio::io_context& io,
                                         NameResolver& names) {
  return std::make_shared<HttpAttempt>(std::move(probe), std::move(ended), io, names);
}

}  // namespace registry::probes
