// The daemon's program: read the configuration, run a node until SIGTERM or SIGINT, leave.
// SIGHUP: look at policy and token keys at once.
#pragma once

namespace registryd::server {

// What main does; the exit status.
int Run(int argc, char** argv);

}  // namespace registryd::server
