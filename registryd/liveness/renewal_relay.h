// Renewals on any member: on the leader they go to its driver, on a follower they are gathered for
// kGatherMs and sent to the leader in one frame.
//
//   RenewalRelay relay({.driver = &driver, .peers = peers, .self = id, .leader = [&] { ... }});
//   relay.Serve();                      // answers the other members; before the transport serves
//   relay.Renew(std::move(frame));      // any thread
//
// A frame that nobody could take now (no leader, no answer from it) is answered `accepted = false`:
// nothing is renewed, nothing expires for it, and the owner sends it again.
//
// Threads: any; one of its own gathers. Limits: kFramesMax frames wait or are under way, then Renew
// refuses.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "registryd/base/bounded_queue.h"
#include "registryd/base/mutex.h"
#include "registryd/consensus/peer_calls.h"
#include "registryd/liveness/liveness_driver.h"

namespace registryd::liveness {

class RenewalRelay final : public RenewalSink {
 public:
  static constexpr size_t kFramesMax = 4'096;
  static constexpr int64_t kGatherMs = 3;

  struct Parts {
    RenewalSink* driver = nullptr;  // this member's
    consensus::PeerCalls* peers = nullptr;
    NodeId self;
    std::function<NodeId()> leader;  // 0: none is known
  };
  explicit RenewalRelay(Parts parts);
  ~RenewalRelay() override { Stop(); }

  // Takes the method "renew" of the request channel.
  void Serve();
  bool Renew(RenewalFrame&& frame) override;
  // Frames that wait are answered; later ones are refused.
  void Stop();

 private:
  using Frames = std::vector<RenewalFrame>;
  void Run();
  // False: this object stops.
  bool Pause();
  void Send(Frames frames);

  const Parts parts_;
  BoundedQueue<RenewalFrame> frames_{kFramesMax};
  std::atomic<size_t> under_way_{0};
  Mutex mutex_;
  CondVar stopped_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace registryd::liveness
