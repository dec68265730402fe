// A directory of its own for one test, removed with everything in it when the object goes.
//
//   TempDir dir;
//   Daemon daemon({.data_dir = dir.path() + "/data"});
#pragma once

#include <string>

namespace registryd::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The whole file; empty where it cannot be read.
std::string ReadFile(const std::string& path);
// In place of what was in it. Aborts the test program where it cannot be written.
void WriteFile(const std::string& path, const std::string& bytes);

}  // namespace registryd::testing
