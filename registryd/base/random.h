// Chance, in one place. Never used where members must agree: ids are made before a command is
// proposed.
#pragma once

#include <cstdint>

namespace registryd {

// A random number that is never 0. Any thread; good enough for ids, not for keys.
uint64_t RandomId();

// The same number for the same arguments, never 0, and as good as random for different ones. For ids that a repeated
// request must get again: its request id and a position in it.
uint64_t DerivedId(uint64_t client_id, uint64_t sequence, uint64_t position);

}  // namespace registryd
