// A file system of its own, with so little space that a test can fill it.
//
//   SmallDisk disk(dir.path() + "/data");
//   if (!disk.mounted()) GTEST_SKIP() << "no right to mount a file system";
//   disk.Fill();
//   disk.Free();
//
// Threads: one.
#pragma once

#include <cstdint>
#include <string>

namespace registryd::testing {

class SmallDisk {
 public:
  // Mounts `bytes` of memory at `dir`, which is made.
  explicit SmallDisk(std::string dir, uint64_t bytes = 160ull << 20);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // False: the test has no right to do this (it takes root).
  bool mounted() const { return mounted_; }
  // Takes space until no more than `left` bytes are free.
  void Fill(uint64_t left = 0);
  // Gives all of it back.
  void Free();

 private:
  const std::string dir_;
  bool mounted_ = false;
};

}  // namespace registryd::testing
