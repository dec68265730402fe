// "host:port" and "[v6]:port". Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace registryd::server {

struct Address {
  std::string host;  // without brackets
  uint16_t port = 0;
  std::string ToString() const;
  // 127.0.0.0/8, ::1 or "localhost".
  bool IsLoopback() const;
};

// INVALID_ARGUMENT says what is wrong with the text. Port 0 means: the kernel chooses.
absl::StatusOr<Address> ParseAddress(std::string_view text);

}  // namespace registryd::server
