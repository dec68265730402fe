// Links between nodes: each direction has its own delay, losses and cuts. Messages of one direction
// stay in order, also over a reconnect; what is under way when a link is cut is lost from some
// point on.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "registryd/consensus/peer_message.h"
#include "tests/sim/sim_world.h"

namespace registryd::sim {

class SimNetwork {
 public:
  explicit SimNetwork(World* world) : world_(world) {}

  std::function<void(NodeId to, consensus::PeerMessage message)> deliver;
  // For scripted tests: may change the message; false: it is lost.
  std::function<bool(NodeId to, consensus::PeerMessage&)> filter;

  void Send(NodeId to, consensus::PeerMessage message) {
    Link& link = links_[{message.from, to}];
    if (filter && !filter(to, message)) return;
    if (link.cut || world_->Chance(loss_percent_)) return;
    int64_t at = world_->now_us() + world_->Between(min_delay_us_, max_delay_us_);
    at = link.last_arrival_us = std::max(at, link.last_arrival_us);
    auto shared = std::make_shared<consensus::PeerMessage>(std::move(message));
    world_->At(at,
               [this, to, shared, &link, connection = link.connection, sent = world_->now_us()] {
                 // A cut loses everything sent after some moment before it.
                 if (connection != link.connection && sent >= link.lost_since_us) return;
                 world_->Note(to.value() * 31 + shared->body.index());
                 deliver(to, std::move(*shared));
               });
  }

  // One direction.
  void SetCut(NodeId from, NodeId to, bool cut) {
    Link& link = links_[{from, to}];
    if (cut && !link.cut) {
      ++link.connection;
      link.lost_since_us = world_->now_us() - world_->Between(0, max_delay_us_);
    }
    link.cut = cut;
  }
  bool IsCut(NodeId from, NodeId to) { return links_[{from, to}].cut; }
  void HealAll() {
    for (auto& [ends, link] : links_) link.cut = false;
  }
  void SetDelay(int64_t min_us, int64_t max_us) {
    min_delay_us_ = min_us;
    max_delay_us_ = max_us;
  }
  void SetLoss(int percent) { loss_percent_ = percent; }

 private:
  struct Link {
    bool cut = false;
    uint64_t connection = 0;
    int64_t lost_since_us = 0;
    int64_t last_arrival_us = 0;
  };
  World* const world_;
  std::map<std::pair<NodeId, NodeId>, Link> links_;  // references stay valid
  int64_t min_delay_us_ = 100;
  int64_t max_delay_us_ = 1500;
  int loss_percent_ = 0;
};

}  // namespace registryd::sim
