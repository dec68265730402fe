#include "registryd/server/ready_file.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "registryd/base/text.h"

namespace registryd::server {

absl::Status WriteReadyFile(const std::string& path, const ReadyAddresses& addresses) {
  if (path.empty()) return absl::OkStatus();
  const std::string draft = Text(path, ".", getpid());
  std::ofstream file(draft, std::ios::trunc);
  file << "api=" << addresses.api << "\nhttp=" << addresses.http << "\npeer=" << addresses.peer
       << "\n";
  file.close();
  if (!file || std::rename(draft.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(
        Text("cannot write ", path, "; is its directory there and writable?"));
  }
  return absl::OkStatus();
}

}  // namespace registryd::server
