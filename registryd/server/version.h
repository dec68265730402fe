// The program's version, from CMakeLists.txt.
#pragma once

namespace registryd::server {

extern const char* const kVersion;

}  // namespace registryd::server
