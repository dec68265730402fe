#include "registryd/gateway/http/http_server.h"

#include <pthread.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "registryd/base/log.h"
#include "registryd/base/text.h"

namespace registryd::gateway {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr size_t kConnectionsMax = 256;
constexpr size_t kHeadersMax = 8 << 10;
constexpr size_t kBodyMax = 64 << 10;
constexpr std::chrono::seconds kPatience{10};

using Response = http::response<http::string_body>;

Response ToBeast(HttpResponse answer, unsigned version, bool keep_alive, bool head) {
  Response response(static_cast<http::status>(answer.status), version);
  response.set(http::field::server, "registryd");
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(keep_alive);
  response.body() = std::move(answer.body);
  response.prepare_payload();
  if (head) response.body().clear();
  return response;
}

class Session final : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const HttpHandler& handler, size_t* open)
      : stream_(std::move(socket)), handler_(handler), open_(open) {
    ++*open_;
  }
  ~Session() { --*open_; }

  void Read() {
    parser_.emplace();
    parser_->header_limit(kHeadersMax);
    parser_->body_limit(kBodyMax);
    stream_.expires_after(kPatience);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, size_t) { self->OnRead(error); });
  }

 private:
  void OnRead(beast::error_code error) {
    if (error == http::error::header_limit || error == http::error::body_limit) {
      return Write(
          ToBeast({.status = 413, .body = "the request is too large\n"}, 11, false, false));
    }
    if (error) return Close();
    const auto& request = parser_->get();
    const bool head = request.method() == http::verb::head;
    if (request.method() != http::verb::get && !head) {
      return Write(
          ToBeast({.status = 405, .body = "only GET and HEAD\n"}, request.version(), false, false));
    }
    const std::string target(request.target());
    const size_t mark = target.find('?');
    HttpRequest asked{.path = target.substr(0, mark),
                      .query = mark == std::string::npos ? "" : target.substr(mark + 1)};
    Write(ToBeast(handler_(asked), request.version(), request.keep_alive(), head));
  }

  void Write(Response response) {
    response_ = std::move(response);
    stream_.expires_after(kPatience);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        if (error || !self->response_.keep_alive()) return self->Close();
                        self->Read();
                      });
  }

  void Close() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Response response_;
  const HttpHandler& handler_;
  size_t* const open_;  // the server's count; all sessions run on its thread
};

}  // namespace

struct HttpServer::Impl {
  explicit Impl(HttpHandler page_handler) : handler(std::move(page_handler)) {}

  void Accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error && open < kConnectionsMax) {
        std::make_shared<Session>(std::move(socket), handler, &open)->Read();
      }
      Accept();
    });
  }

  const HttpHandler handler;
  size_t open = 0;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  std::thread thread;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->io.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

int HttpServer::port() const { return impl_->acceptor.local_endpoint().port(); }

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& host, int port,
                                                              HttpHandler handler) {
  auto impl = std::make_unique<Impl>(std::move(handler));
  beast::error_code error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) {
    return absl::InvalidArgumentError(
        Text("--http-listen: \"", host, "\" is not an IP address; for example 127.0.0.1:7402"));
  }
  const tcp::endpoint endpoint(address, static_cast<uint16_t>(port));
  impl->acceptor.open(endpoint.protocol(), error);
  if (!error) impl->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) impl->acceptor.bind(endpoint, error);
  if (!error) impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(
        Text("cannot listen on ", host, ":", port, " for HTTP: ", error.message(),
             "; choose another address with --http-listen (port 0: any)"));
  }
  impl->Accept();
  impl->thread = std::thread([raw = impl.get()] {
    pthread_setname_np(pthread_self(), "http");
    raw->io.run();
  });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

}  // namespace registryd::gateway
