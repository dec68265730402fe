// What the sidecar's main thread waits for: signals, the child's end, and notes from other threads,
// all as one file descriptor each in one poll().
//
//   Signals signals;                        // before any thread is made: they inherit the mask
//   Mailbox mailbox;
//   mailbox.Post([&] { ... });              // any thread; runs in RunPosted on the main thread
#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace registry::cli {

// Blocks all signals that can be passed on, and reads them from a descriptor.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  int fd() const { return fd_; }
  // 0: none waits.
  int Next();

 private:
  int fd_;
};

class Mailbox {
 public:
  Mailbox();
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  int fd() const { return fd_; }
  void Post(std::function<void()> note);
  void RunPosted();

 private:
  int fd_;
  std::mutex mutex_;
  std::vector<std::function<void()>> notes_;
};

}  // namespace registry::cli
