// Directories and files for the storage tests: copies of a running store, flipped bytes, cut tails.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace registryd::storage {

// A directory of its own, removed at the end. In memory where there is room for it, because these
// tests sync often and ask nothing of the disk. The process of a death test runs the test again and
// dies in it: there it is the directory of the test that started it, which removes it.
class TempDir {
 public:
  enum Where { kInMemory, kOnDisk };
  explicit TempDir(Where where = kInMemory) : owned_(!testing::internal::InDeathTestChild()) {
    if (!owned_) {
      path_ = ::getenv(kVariable);
      return;
    }
    std::error_code ignored;
    const auto memory = std::filesystem::space("/dev/shm", ignored);
    const bool in_memory = where == kInMemory && !ignored && memory.available >= (1u << 30);
    std::string path =
        (in_memory ? std::string("/dev/shm") : std::filesystem::temp_directory_path().string()) +
        "/registryd-storage-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
    ::setenv(kVariable, path.c_str(), 1);
  }
  ~TempDir() {
    if (!owned_) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  static constexpr const char* kVariable = "REGISTRYD_TEST_DIR";
  const bool owned_;
  std::string path_;
};

// What kill -9 leaves behind: everything that was written, synced or not. Table files are
// immutable.
inline void CopyTree(const std::string& from, const std::string& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  std::filesystem::remove(to + "/LOCK");
}

inline std::vector<std::string> FilesEndingIn(const std::string& dir, std::string_view suffix) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().string().ends_with(suffix)) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

inline std::string OnlyFile(const std::string& dir, std::string_view suffix) {
  const std::vector<std::string> paths = FilesEndingIn(dir, suffix);
  EXPECT_EQ(paths.size(), 1u) << dir << " " << suffix;
  return paths.empty() ? "" : paths[0];
}

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void WriteAll(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
}

inline void FlipBits(const std::string& path, uint64_t at, uint8_t bits) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(at));
  const int byte = file.get();
  ASSERT_NE(byte, EOF) << path << " has no byte " << at;
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ bits));
}

// Bytes on the disk, preallocated ones included.
inline uint64_t DiskBytes(const std::string& dir) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    struct stat info;
    if (::stat(entry.path().c_str(), &info) == 0)
      bytes += static_cast<uint64_t>(info.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace registryd::storage
