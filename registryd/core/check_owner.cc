#include "registryd/core/check_owner.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace registryd::core {

NodeId CheckOwner(const InstanceName& name, const std::vector<NodeId>& checkers) {
  NodeId owner;
  uint64_t highest = 0;
  for (const NodeId node : checkers) {
    const uint64_t hash = XXH64(name.text().data(), name.text().size(), node.value());
    if (!owner || hash > highest || (hash == highest && node > owner)) {
      owner = node;
      highest = hash;
    }
  }
  return owner;
}

}  // namespace registryd::core
