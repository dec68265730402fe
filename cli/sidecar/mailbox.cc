#include "cli/sidecar/mailbox.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

namespace registry::cli {

Signals::Signals() {
  sigset_t all;
  sigfillset(&all);
  // What a fault of our own raises must not wait.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPIPE}) {
    sigdelset(&all, fault);
  }
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  fd_ = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

Signals::~Signals() { close(fd_); }

int Signals::Next() {
  signalfd_siginfo info;
  if (read(fd_, &info, sizeof(info)) != sizeof(info)) return 0;
  return static_cast<int>(info.ssi_signo);
}

Mailbox::Mailbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Mailbox::~Mailbox() { close(fd_); }

void Mailbox::Post(std::function<void()> note) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    notes_.push_back(std::move(note));
  }
  eventfd_write(fd_, 1);
}

void Mailbox::RunPosted() {
  eventfd_t ignored;
  eventfd_read(fd_, &ignored);
  std::vector<std::function<void()>> notes;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    notes.swap(notes_);
  }
  for (const auto& note : notes) note();
}

}  // namespace registry::cli
