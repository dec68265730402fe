#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "client/probes/attempt.h"

namespace registry::probes {
namespace {

class ProcessAttempt final : public Attempt {
 public:
  using Attempt::Attempt;

  void Start() override {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, probe().pid, 0));
    if (fd < 0) {
      const bool gone = errno == ESRCH || errno == EINVAL;
      return End(gone ? ProbeOutcome::kFailed : ProbeOutcome::kNotAsked,
                 gone ? "there is no such process" : std::strerror(errno));
    }
    // Readable from the moment it has ended, even while its parent has not asked for its status.
    pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = poll(&ended, 1, 0);
    close(fd);
    if (ready > 0) return End(ProbeOutcome::kFailed, "the process has ended");
    End(ProbeOutcome::kPassed, "the process runs");
  }

  void Abort() override {}
};

}  // namespace

std::shared_ptr<Attempt> MakeProcessAttempt(Probe probe, Attempt::Ended ended) {
  return std::make_shared<ProcessAttempt>(std::move(probe), std::move(ended));
}

}  // namespace registry::probes
