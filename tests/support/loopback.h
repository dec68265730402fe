// A socket that listens on a port of the loopback that the kernel chose. Aborts where there is none.
// The caller closes it. Threads: any.
#pragma once

#include <cstdint>

namespace registryd::testing {

int ListenOnLoopback(int backlog, uint16_t* port);

}  // namespace registryd::testing
