#include "registryd/server/version.h"

namespace registryd::server {

const char* const kVersion = REGISTRYD_VERSION;

}  // namespace registryd::server
