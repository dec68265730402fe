// A port of the loopback that accepts connections until it is closed. Threads: one.
#pragma once

#include <unistd.h>

#include <cstdint>

#include "tests/support/loopback.h"

namespace registryd::testing {

class Listener {
 public:
  // Nobody takes them: more than there will be.
  Listener() : fd_(ListenOnLoopback(4'096, &port_)) {}
  ~Listener() { Close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  uint16_t port() const { return port_; }

 private:
  uint16_t port_ = 0;
  int fd_;
};

}  // namespace registryd::testing
