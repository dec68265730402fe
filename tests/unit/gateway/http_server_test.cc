// The HTTP server against a client that says exactly what the test wants, also what no client
// should.
#include "registryd/gateway/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/wait_for.h"

namespace registryd::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class RawClient {
 public:
  explicit RawClient(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  void Send(std::string_view bytes) {
    ASSERT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // What comes until the server closes, or until `wanted` has been seen.
  std::string Read(std::string_view wanted = "") {
    std::string all;
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    while (wanted.empty() || all.find(wanted) == std::string::npos) {
      if (poll(&waiting, 1, 30'000) <= 0) return all + "(nothing more in time)";
      char bytes[4096];
      const ssize_t size = recv(fd_, bytes, sizeof(bytes), 0);
      if (size <= 0) break;
      all.append(bytes, static_cast<size_t>(size));
    }
    return all;
  }

 private:
  const int fd_;
  bool connected_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = HttpServer::Start("127.0.0.1", 0, [this](const HttpRequest& request) {
      ++handled_;
      if (request.path == "/missing") return HttpResponse{.status = 404, .body = "not here\n"};
      return HttpResponse{.body = "path=" + request.path + " query=" + request.query + "\n"};
    });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::string Ask(const std::string& request) {
    RawClient client(server_->port());
    client.Send(request);
    return client.Read();
  }
  std::unique_ptr<HttpServer> server_;
  std::atomic<int> handled_{0};
};

TEST_F(HttpServerTest, GivesPathAndQueryToTheHandler) {
  const std::string answer = Ask("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\npath=/a/b query=c=d\n"));
  EXPECT_THAT(Ask("GET /missing HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 404 Not Found\r\n"));
}

TEST_F(HttpServerTest, HeadHasTheHeadersOnly) {
  const std::string answer = Ask("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 15\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, AConnectionServesSeveralRequestsAlsoSentAtOnce) {
  RawClient client(server_->port());
  client.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.Read("path=/2"), HasSubstr("path=/1"));
  client.Send("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.Read("path=/3"), HasSubstr("path=/3"));
}

TEST_F(HttpServerTest, OtherMethodsAndTooLargeRequestsAreRefused) {
  EXPECT_THAT(Ask("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Ask("GET /a HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Ask("GET /a HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(handled_, 0);
}

TEST_F(HttpServerTest, GarbageIsClosedAndTheNextOneIsServed) {
  for (const std::string& garbage :
       {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
        std::string("\r\n\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        std::string(1000, '\0')}) {
    RawClient client(server_->port());
    client.Send(garbage);
    client.Read();
  }
  EXPECT_THAT(Ask("GET /a HTTP/1.0\r\n\r\n"), HasSubstr("path=/a"));
}

TEST_F(HttpServerTest, ConnectionsBeyondTheLimitAreClosedAndThePlaceIsFreeAgain) {
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 256; ++i) idle.push_back(std::make_unique<RawClient>(server_->port()));
  // The server has accepted them all once it closes one more.
  EXPECT_TRUE(registryd::testing::WaitFor([&] {
    RawClient one_more(server_->port());
    one_more.Send("GET /a HTTP/1.0\r\n\r\n");
    return one_more.Read().empty();
  }));
  idle.clear();
  EXPECT_TRUE(registryd::testing::WaitFor([&] {
    RawClient again(server_->port());
    if (!again.connected()) return false;
    again.Send("GET /a HTTP/1.0\r\n\r\n");
    return again.Read().find("path=/a") != std::string::npos;
  }));
}

TEST_F(HttpServerTest, StopsWhileConnectionsAreOpen) {
  RawClient idle(server_->port());
  RawClient half(server_->port());
  half.Send("GET /a HT");
  server_ = nullptr;
  EXPECT_EQ(idle.Read(), "");
}

TEST(HttpServerStart, SaysWhyItCannotListen) {
  const auto page = [](const HttpRequest&) { return HttpResponse{}; };
  const auto first = HttpServer::Start("127.0.0.1", 0, page);
  ASSERT_TRUE(first.ok());
  const auto second = HttpServer::Start("127.0.0.1", (*first)->port(), page);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(std::to_string((*first)->port())));
  EXPECT_EQ(HttpServer::Start("no-address", 0, page).status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto v6 = HttpServer::Start("::1", 0, page);
  EXPECT_TRUE(!v6.ok() || (*v6)->port() > 0);  // not every machine has IPv6
}

}  // namespace
}  // namespace registryd::gateway
