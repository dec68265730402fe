// Connections over loopback: those within the limits are handed on, the others are closed.
#include "registryd/base/connection_gate.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/wait_for.h"

namespace registryd {
namespace {

using ::registryd::testing::WaitFor;

ConnectionGate::Door At(const char* host, int port) {
  return {.host = host, .port = port, .flag = "--listen", .callers = "testers"};
}

class Client {
 public:
  explicit Client(int port, const char* from = "127.0.0.1") {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from, &address.sin_addr);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Client() { close(fd_); }
  // The other side has closed it.
  bool Closed() const {
    char byte;
    return WaitFor([&] { return recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0; });
  }

 private:
  const int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

class ConnectionGateTest : public ::testing::Test {
 protected:
  void Listen(const ConnectionGate::Limits& limits) {
    auto gate = ConnectionGate::Listen(At("127.0.0.1", 0), limits);
    ASSERT_TRUE(gate.ok()) << gate.status();
    gate_ = *std::move(gate);
    gate_->Open([this](int fd) {
      MutexLock lock(mutex_);
      taken_.push_back(fd);
    });
  }
  ~ConnectionGateTest() override {
    gate_ = nullptr;
    CloseTaken();
  }
  void CloseTaken() {
    MutexLock lock(mutex_);
    for (int fd : taken_) close(fd);
    taken_.clear();
  }
  bool Taken(size_t count) {
    return WaitFor([&] {
      MutexLock lock(mutex_);
      return taken_.size() == count;
    });
  }

  Mutex mutex_;
  std::vector<int> taken_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<ConnectionGate> gate_;
};

TEST_F(ConnectionGateTest, OneTooManyIsClosedUntilAnotherHasGone) {
  Listen({.connections = 3});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<Client>(gate_->port()));
  ASSERT_TRUE(Taken(3));
  EXPECT_TRUE(Client(gate_->port()).Closed());
  EXPECT_EQ(gate_->open(), 3u);
  CloseTaken();
  clients.clear();
  // The gate looks now and then; those that come meanwhile are closed.
  EXPECT_TRUE(WaitFor([&] {
    clients.push_back(std::make_unique<Client>(gate_->port()));
    MutexLock lock(mutex_);
    return !taken_.empty();
  }));
}

TEST_F(ConnectionGateTest, OneAddressDoesNotTakeThemAll) {
  Listen({.connections = 10, .of_one_address = 2});
  const Client first(gate_->port());
  const Client second(gate_->port());
  ASSERT_TRUE(Taken(2));
  EXPECT_TRUE(Client(gate_->port()).Closed());
  const Client other(gate_->port(), "127.0.0.2");
  EXPECT_TRUE(Taken(3));
}

TEST_F(ConnectionGateTest, APortThatIsTakenIsAnError) {
  Listen({});
  const auto second = ConnectionGate::Listen(At("127.0.0.1", gate_->port()), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable) << second.status();
  EXPECT_EQ(ConnectionGate::Listen(At("192.0.2.1", 0), {}).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace registryd
