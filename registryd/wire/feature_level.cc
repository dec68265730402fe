#include "registryd/wire/feature_level.h"

namespace registryd::wire {
namespace {

Build& Current() {
  static Build build;
  return build;
}

}  // namespace

const Build& ThisBuild() { return Current(); }
void SetBuildForTest(const Build& build) { Current() = build; }

}  // namespace registryd::wire
