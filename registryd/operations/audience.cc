#include "registryd/operations/audience.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "registryd/base/mutex.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

constexpr char kMethod[] = "subscribers";

// What comes back from the members, until all have answered.
struct Gathered {
  Mutex mutex;
  Audience::Answer answer ABSL_GUARDED_BY(mutex);
  size_t missing ABSL_GUARDED_BY(mutex) = 0;
  Audience::Done done ABSL_GUARDED_BY(mutex);
};

// A client that broke off on one member and is back on another is where it is back.
void DropThoseWhoAreBack(std::vector<registry::v1::Subscriber>* subscribers) {
  absl::flat_hash_set<std::string> connected;
  const auto key = [](const registry::v1::Subscriber& subscriber) {
    return Text(subscriber.client_id(), "|", subscriber.watches());
  };
  for (const auto& subscriber : *subscribers) {
    if (subscriber.connected()) connected.insert(key(subscriber));
  }
  std::erase_if(*subscribers, [&](const auto& subscriber) {
    return !subscriber.connected() && connected.contains(key(subscriber));
  });
}

// The furthest behind first.
void Sort(std::vector<registry::v1::Subscriber>* subscribers) {
  std::sort(subscribers->begin(), subscribers->end(), [](const auto& a, const auto& b) {
    return std::tuple(a.acknowledged_revision(), a.client_id(), a.watches()) <
           std::tuple(b.acknowledged_revision(), b.client_id(), b.watches());
  });
}

}  // namespace

Audience::Audience(Parts parts) : parts_(std::move(parts)) {
  if (parts_.calls == nullptr) return;
  parts_.calls->Handle(kMethod, [this](consensus::PeerRequest request, consensus::PeerReply reply) {
    registry::v1::ListSubscribersRequest question;
    if (!question.ParseFromString(request.body)) {
      return std::move(reply)(absl::InvalidArgumentError("not a ListSubscribersRequest"));
    }
    // Among members the service stands whole, with its namespace.
    const Answer answer = Local({question.service(), Revision(question.waiting_for())});
    registry::v1::ListSubscribersResponse response;
    for (const auto& subscriber : answer.subscribers) *response.add_subscribers() = subscriber;
    for (const auto& name : answer.unreachable) response.add_unreachable_nodes(name);
    std::move(reply)(response.SerializeAsString());
  });
}

Audience::Answer Audience::Local(const Question& question) const {
  Answer answer;
  const Revision published = parts_.hub->published();
  if (published < question.waiting_for) {
    // Nobody here has been told yet.
    answer.unreachable.push_back(parts_.node);
    return answer;
  }
  const uint64_t target = std::max(question.waiting_for, published).value();
  for (const watch::SubscriberInfo& info : parts_.hub->subscribers().List(
           question.service, question.waiting_for, parts_.clock->MonotonicMs())) {
    registry::v1::Subscriber& out = answer.subscribers.emplace_back();
    out.set_client_id(info.client_id);
    out.set_client_name(info.client_name);
    out.set_address(info.address);
    out.set_node(parts_.node);
    out.set_watches(Text(info.scope.name, info.scope.prefix ? "*" : ""));
    out.set_connected(info.connected);
    out.set_acknowledged_revision(info.applied.value());
    out.set_behind(target - std::min(target, info.applied.value()));
    out.set_applied_ms(info.last_ms);
    out.set_applied_max_ms(info.max_ms);
  }
  return answer;
}

void Audience::Ask(const Question& question, int64_t timeout_ms, Done done) const {
  Answer local = Local(question);
  const std::vector<Peer> peers =
      parts_.calls == nullptr || !parts_.peers ? std::vector<Peer>() : parts_.peers();
  if (peers.empty()) {
    Sort(&local.subscribers);
    return std::move(done)(std::move(local));
  }
  const auto gathered = std::make_shared<Gathered>();
  {
    MutexLock lock(gathered->mutex);
    gathered->answer = std::move(local);
    gathered->missing = peers.size();
    gathered->done = std::move(done);
  }
  registry::v1::ListSubscribersRequest request;
  request.set_service(question.service);
  request.set_waiting_for(question.waiting_for.value());
  for (const Peer& peer : peers) {
    parts_.calls->Call(
        peer.id, kMethod, request.SerializeAsString(), timeout_ms,
        [gathered, name = peer.name, waiting = static_cast<bool>(question.waiting_for)](
            absl::StatusOr<std::string> bytes) mutable {
          registry::v1::ListSubscribersResponse response;
          const bool answered = bytes.ok() && response.ParseFromString(*bytes);
          Answer answer;
          Done all_answered;
          {
            MutexLock lock(gathered->mutex);
            Answer& all = gathered->answer;
            if (!answered) all.unreachable.push_back(std::move(name));
            for (auto& one : *response.mutable_subscribers()) {
              all.subscribers.push_back(std::move(one));
            }
            for (const auto& one : response.unreachable_nodes()) all.unreachable.push_back(one);
            if (--gathered->missing > 0) return;
            answer = std::move(all);
            all_answered = std::move(gathered->done);
          }
          if (!waiting) DropThoseWhoAreBack(&answer.subscribers);
          Sort(&answer.subscribers);
          std::move(all_answered)(std::move(answer));
        });
  }
}

}  // namespace registryd::operations
