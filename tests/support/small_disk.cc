#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

namespace registryd::testing {

SmallDisk::SmallDisk(std::string dir, uint64_t bytes) : dir_(std::move(dir)) {
  std::filesystem::create_directories(dir_);
  mounted_ =
      mount("none", dir_.c_str(), "tmpfs", 0, ("size=" + std::to_string(bytes)).c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (mounted_) umount2(dir_.c_str(), MNT_DETACH);
}

void SmallDisk::Fill(uint64_t left) {
  const int file =
      open((dir_ + "/ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  const std::vector<char> block(64 << 10, 'x');
  for (;;) {
    const uint64_t free = std::filesystem::space(dir_).available;
    const uint64_t take = std::min<uint64_t>(block.size(), free > left ? free - left : 0);
    if (take == 0 || write(file, block.data(), take) <= 0) break;
  }
  close(file);
}

void SmallDisk::Free() { std::filesystem::remove(dir_ + "/ballast"); }

}  // namespace registryd::testing
