// How much of the log is under way to one peer.
//
// The core asks for up to max_inflight_entries at once, whatever their size, and believes them
// sent. The window sends them in messages of bounded size as earlier ones are acknowledged; what
// waits here costs no memory, only an index. After a restart of the stream (the core probes) one
// message goes out, and the window opens with its acknowledgement.
//
//   window.Want(prev, n);                      // the core's AppendEntries
//   while (window.MaySend()) { ...load (sent, end]...; window.OnSent(last, bytes); }
//   window.OnMatch(match_index);               // an acknowledgement came
//
// Threads: one.
#pragma once

#include <cstddef>
#include <deque>

#include "registryd/base/ids.h"

namespace registryd::consensus {

class ReplicationWindow {
 public:
  explicit ReplicationWindow(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Entries (prev, prev + n] are wanted. A `prev` other than where the last call ended restarts the
  // window. With n = 0 it is a heartbeat, to be anchored at sent(): the core's own anchor may still
  // wait here.
  void Want(LogIndex prev, size_t n);
  bool MaySend() const;
  void OnSent(LogIndex last, size_t bytes);
  void OnMatch(LogIndex match);
  // Forgets what waits; the core finds out by the next rejection.
  void Drop() { end_ = sent_; }

  LogIndex sent() const { return sent_; }  // last index handed to the transport
  LogIndex end() const { return end_; }    // last index wanted

 private:
  struct Chunk {
    LogIndex last;
    size_t bytes;
  };
  const size_t max_bytes_;
  LogIndex sent_;
  LogIndex end_;
  bool open_ = false;
  size_t bytes_ = 0;
  std::deque<Chunk> in_flight_;
};

}  // namespace registryd::consensus
