#include <unistd.h>

#include <csignal>

#include "cli/command_line.h"

int main(int argc, char** argv) {
  // A closed pipe is an error of write(), which Console knows; gRPC's sockets never raise the
  // signal.
  std::signal(SIGPIPE, SIG_IGN);
  const registry::cli::Console console(STDOUT_FILENO, STDERR_FILENO);
  return static_cast<int>(registry::cli::RunCommandLine(argc, argv, console));
}
