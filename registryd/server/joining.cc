#include "registryd/server/joining.h"

#include <signal.h>

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_history.h"
#include "registryd/internal/v1/member.pb.h"

namespace registryd::server {
namespace {

using consensus::PeerIdentity;
using consensus::PeerTransport;
using internal::v1::IdentityReply;

constexpr char kIdentityMethod[] = "identity";
constexpr int64_t kPauseMs = 500;
constexpr int64_t kTimeoutMs = 5'000;
constexpr int64_t kAskForMs = 60'000;

// Waits for the answer, which every call gets.
absl::StatusOr<std::string> Ask(PeerTransport& peers, const std::string& address,
                                const PeerIdentity& me, const std::string& method,
                                std::string body) {
  auto answer = std::make_shared<std::promise<absl::StatusOr<std::string>>>();
  peers.CallAddress(
      address, me, method, std::move(body), kTimeoutMs,
      [answer](absl::StatusOr<std::string> got) { answer->set_value(std::move(got)); });
  return answer->get_future().get();
}

absl::StatusOr<ClusterId> AskIdentity(PeerTransport& peers, const std::string& address,
                                      const PeerIdentity& me) {
  ASSIGN_OR_RETURN(const std::string bytes, Ask(peers, address, me, kIdentityMethod, {}));
  IdentityReply reply;
  if (!reply.ParseFromString(bytes) || reply.cluster_id() == 0) {
    return absl::DataLossError(
        Text("the node at ", address, " does not say which cluster it is of"));
  }
  return ClusterId(reply.cluster_id());
}

// The signals are blocked and taken by the main thread, which waits for this node to start.
bool ToldToStop() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

}  // namespace

void ServeIdentity(PeerTransport* peers, ClusterId cluster) {
  peers->HandleStrangers(kIdentityMethod,
                         [cluster](consensus::PeerRequest, consensus::PeerReply reply) {
                           IdentityReply out;
                           out.set_cluster_id(cluster.value());
                           std::move(reply)(out.SerializeAsString());
                         });
}

absl::StatusOr<ClusterId> AskForCluster(PeerTransport& peers, const std::string& address,
                                        const PeerIdentity& me, const Clock& clock) {
  absl::Status last;
  const int64_t end = clock.MonotonicMs() + kAskForMs;
  while (clock.MonotonicMs() < end) {
    if (ToldToStop()) return absl::CancelledError("told to stop before it had joined");
    const auto reply = AskIdentity(peers, address, me);
    if (reply.ok()) return *reply;
    if (last != reply.status()) {
      log::Warning("cannot join yet", {{"member", address}, {"why", reply.status()}});
    }
    last = reply.status();
    std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
  }
  return absl::UnavailableError(Text("--join ", address, ": no member of a cluster answers there (",
                                     std::string(last.message()), ")"));
}

Joining::Joining(Parts parts) : parts_(std::move(parts)) {
  thread_ = std::thread([this] { Run(); });
}

void Joining::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

bool Joining::Pause() {
  MutexLock lock(mutex_);
  if (!stopping_) changed_.WaitFor(mutex_, kPauseMs);
  return !stopping_;
}

void Joining::Run() {
  std::string logged;
  do {
    const consensus::RaftStatus status = parts_.raft();
    const auto* self = consensus::FindServer(*status.configuration, parts_.me.node);
    absl::Status outcome;
    if (self != nullptr && self->suffrage == consensus::Suffrage::kVoter) {
      log::Info("joined: this node votes", {{"node", parts_.me.node}});
      return;
    }
    if (self != nullptr) {
      outcome = AskToBePromoted();
    } else if (!status.last_index) {
      outcome = AskToBeAdded();
    }  // else it has a part of the log, which will tell who it is
    const std::string reason(outcome.message());
    if (!outcome.ok() && reason != logged) {
      log::Info("joining", {{"node", parts_.me.node}, {"waits_for", reason}});
      logged = reason;
    }
  } while (Pause());
}

absl::Status Joining::AskToBeAdded() {
  // Whoever is asked asks the leader.
  return Ask(*parts_.peers, parts_.address, parts_.me, consensus::MembershipCalls::kMethod,
             consensus::MembershipCalls::Encode({.kind = consensus::MembershipChange::Kind::kAdd,
                                                 .id = parts_.me.node,
                                                 .address = parts_.me.address}))
      .status();
}

absl::Status Joining::AskToBePromoted() {
  auto answer = std::make_shared<std::promise<absl::Status>>();
  parts_.members->Change(
      {.kind = consensus::MembershipChange::Kind::kPromote, .id = parts_.me.node, .address = {}},
      [answer](absl::Status status) { answer->set_value(std::move(status)); });
  return answer->get_future().get();
}

}  // namespace registryd::server
