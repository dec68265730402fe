#include "tests/support/recording_client.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <utility>

#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"
#include "tests/support/stubs.h"
#include "tests/support/wait_for.h"

namespace registryd::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kValue[] = "value";

int64_t NowUs() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch())
      .count();
}

std::string Key(int n) { return "k-" + std::to_string(n); }

struct Node {
  std::unique_ptr<registry::v1::Registration::Stub> registration;
  std::unique_ptr<registry::v1::Discovery::Stub> discovery;

  explicit Node(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);
    const auto channel =
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    registration = registry::v1::Registration::NewStub(channel);
    discovery = registry::v1::Discovery::NewStub(channel);
  }
};

void SetDeadline(grpc::ClientContext& context, int64_t ms) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(ms));
}

// By the registry's word, or because there was nobody to send it to.
bool NotDone(const grpc::Status& status) {
  return status.error_message().find("nothing happened") != std::string::npos ||
         status.error_message().find("failed to connect") != std::string::npos ||
         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

// Absent: no answer.
std::optional<Operation> ReadKey(Node& node, const std::string& key, int client,
                                 int64_t timeout_ms) {
  Operation operation{Operation::Kind::kRead, key, "", NowUs(), 0, 0, client};
  registry::v1::LookupRequest request;
  request.set_service(key);
  request.mutable_read()->set_consistency(registry::v1::CONSISTENCY_LINEARIZABLE);
  registry::v1::LookupResponse response;
  grpc::ClientContext context;
  SetDeadline(context, timeout_ms);
  const grpc::Status status = node.discovery->Lookup(&context, request, &response);
  operation.returned = NowUs();
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) return std::nullopt;
  if (!status.ok()) return std::nullopt;
  operation.revision = response.info().revision();
  if (response.instances_size() > 0) {
    const auto& labels = response.instances(0).spec().labels();
    const auto found = labels.find(kValue);
    operation.value = found == labels.end() ? "?" : found->second;
  }
  return operation;
}

}  // namespace

RecordingClients::RecordingClients(std::vector<std::string> nodes, RecordingOptions options)
    : nodes_(std::move(nodes)), options_(options), last_ack_ms_(NowUs() / 1000) {
  for (int i = 0; i < options_.clients; ++i) {
    threads_.emplace_back([this, i] { Run(i); });
  }
}

RecordingClients::~RecordingClients() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

bool RecordingClients::WaitForWrites(uint64_t more) {
  const uint64_t goal = acknowledged_ + more;
  return WaitFor([&] { return acknowledged_ >= goal; });
}

void RecordingClients::Keep(Operation operation) {
  MutexLock lock(mutex_);
  history_.push_back(std::move(operation));
}

void RecordingClients::Run(int client) {
  std::mt19937 random(options_.seed * 1000 + static_cast<uint32_t>(client));
  std::vector<std::unique_ptr<Node>> nodes;
  for (const std::string& address : nodes_) nodes.push_back(std::make_unique<Node>(address));
  size_t at = static_cast<size_t>(client) % nodes.size();
  for (uint64_t number = 1; !stopping_; ++number) {
    const std::string key = Key(static_cast<int>(random() % static_cast<uint32_t>(options_.keys)));
    if (static_cast<int>(random() % 100) < options_.read_percent) {
      auto operation = ReadKey(*nodes[at], key, client, options_.call_timeout_ms);
      if (operation) {
        Keep(*std::move(operation));
      } else {
        at = (at + 1) % nodes.size();
      }
    } else {
      Operation operation{Operation::Kind::kWrite,
                          key,
                          std::to_string(client) + "." + std::to_string(number),
                          NowUs(),
                          0,
                          0,
                          client};
      registry::v1::RegisterRequest request;
      request.mutable_request_id()->set_client_id(options_.seed * 1000 + 1 +
                                                  static_cast<uint64_t>(client));
      request.mutable_request_id()->set_sequence(number);
      auto* spec = request.add_instances();
      *spec = Spec(key, "x");
      (*spec->mutable_labels())[kValue] = operation.value;
      registry::v1::RegisterResponse response;
      grpc::ClientContext context;
      SetDeadline(context, options_.call_timeout_ms);
      const grpc::Status status = nodes[at]->registration->Register(&context, request, &response);
      operation.returned = NowUs();
      if (status.ok()) {
        operation.revision = response.revision();
        Keep(std::move(operation));
        ++acknowledged_;
        const int64_t now = NowUs() / 1000;
        const int64_t pause = now - last_ack_ms_.exchange(now);
        int64_t longest = longest_pause_ms_;
        while (pause > longest && !longest_pause_ms_.compare_exchange_weak(longest, pause)) {
        }
      } else if (NotDone(status)) {
        ++refused_;
        at = (at + 1) % nodes.size();
      } else {
        operation.returned = Operation::kUnknown;
        Keep(std::move(operation));
        ++unknown_;
        at = (at + 1) % nodes.size();
      }
    }
    if (options_.pause_ms > 0) poll(nullptr, 0, static_cast<int>(options_.pause_ms));
  }
}

History RecordingClients::Stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  History history;
  {
    MutexLock lock(mutex_);
    history = history_;
  }
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Node node(nodes_[i]);
    for (int key = 0; key < options_.keys; ++key) {
      auto operation = ReadKey(node, Key(key), 1000 + static_cast<int>(i), 5'000);
      if (operation) history.push_back(*std::move(operation));
    }
  }
  return history;
}

void ExpectGood(Cluster& cluster, const History& history) {
  ASSERT_TRUE(cluster.WaitUntilEqual()) << cluster.Log();
  EXPECT_EQ(CheckLinearizable(history), std::nullopt) << cluster.Log();
  EXPECT_EQ(CheckRevisions(history), std::nullopt) << cluster.Log();
}

}  // namespace registryd::testing
