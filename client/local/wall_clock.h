// The system's clock, for what outlives a process: when a file was written. It may jump; deadlines
// and ages within a process never use it (clock.h).
#pragma once

#include <cstdint>

namespace registry {

int64_t UnixMillis();

}  // namespace registry
