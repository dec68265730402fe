// Which commands a program understands, as a number that grows with them.
//
// Members of two builds run side by side while a cluster is upgraded. The state carries the level
// that every member knows (core::RaiseFeatureLevel; server/feature_upkeep.h proposes it), and a
// leader refuses commands above it, so none of them ever meets one that it cannot read. A program
// that is older than the state that it is given does not start; one that meets a newer command in
// the log all the same stops before it applies it. So members may be missing, but they never
// diverge.
//
// Raising it: docs/hacking.md, "Adding a verb". Threads: any; SetBuildForTest before all others.
#pragma once

#include <cstdint>

namespace registryd::wire {

inline constexpr uint16_t kFeatureLevel = 1;  // the newest that this build writes and understands

struct Build {
  uint16_t feature_level = kFeatureLevel;
  // A deregistration counts as a command of this level: how a test plays a build of the future.
  uint16_t deregister_level = 1;
};
const Build& ThisBuild();
void SetBuildForTest(const Build& build);

}  // namespace registryd::wire
