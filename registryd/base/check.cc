#include "registryd/base/check.h"

#include <cstdlib>

#include "registryd/base/log.h"

namespace registryd {

void CheckFailed(const char* file, int line, const char* condition, std::string_view message) {
  log::Error("check failed, the process stops",
             {{"why", message}, {"condition", condition}, {"file", file}, {"line", line}});
  log::Flush();
  std::abort();
}

}  // namespace registryd
