#include "registryd/consensus/replication_window.h"

namespace registryd::consensus {

void ReplicationWindow::Want(LogIndex prev, size_t n) {
  if (prev != end_) {
    sent_ = prev;
    open_ = false;
    bytes_ = 0;
    in_flight_.clear();
  }
  end_ = prev + n;
}

bool ReplicationWindow::MaySend() const {
  if (sent_ >= end_) return false;
  return open_ ? bytes_ < max_bytes_ : in_flight_.empty();
}

void ReplicationWindow::OnSent(LogIndex last, size_t bytes) {
  sent_ = last;
  bytes_ += bytes;
  in_flight_.push_back({last, bytes});
}

void ReplicationWindow::OnMatch(LogIndex match) {
  while (!in_flight_.empty() && in_flight_.front().last <= match) {
    bytes_ -= in_flight_.front().bytes;
    in_flight_.pop_front();
    open_ = true;
  }
}

}  // namespace registryd::consensus
