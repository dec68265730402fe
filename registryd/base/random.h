// Chance, in one place. Never used where members must agree: ids are made before a command is
// proposed.
#pragma once

#include <cstdint>

namespace registryd {

// A random number that is never 0. Any thread; good enough for ids, not for keys.
uint64_t RandomId();

}  // namespace registryd
