#include "registryd/storage/data_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registryd/base/text.h"
#include "tests/unit/storage/test_files.h"

namespace registryd::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(DataDir, MakesTheDirectoryForItsOwnerOnlyAndNamesItsHolder) {
  TempDir dir;
  const std::string path = dir / "var/lib/registryd";
  const auto held = DataDir::Lock(path, "node a");
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ((*held)->log_dir(), path + "/log");
  EXPECT_EQ((*held)->StateDir(0), path + "/state");
  struct stat info;
  for (const std::string& made : {path, dir / "var"}) {
    ASSERT_EQ(::stat(made.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u) << made;
  }
  EXPECT_EQ(ReadAll(path + "/LOCK"), Text(::getpid(), " node a\n"));
}

TEST(DataDir, RefusesASecondDaemonByName) {
  TempDir dir;
  {
    const auto held = DataDir::Lock(dir / "data", "a");
    ASSERT_TRUE(held.ok()) << held.status();
    const auto second = DataDir::Lock(dir / "data", "b");
    EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
    EXPECT_EQ(Message(second.status()),
              Text("data directory ", dir / "data", " is in use by registryd 'a' (pid ", ::getpid(),
                   "); stop it first, or give --data-dir another directory"));
    EXPECT_EQ(ReadAll(dir / "data/LOCK"), Text(::getpid(), " a\n")) << "the refused one changed it";
  }
  EXPECT_TRUE(DataDir::Lock(dir / "data", "b").ok());
}

TEST(DataDir, AHolderThatHasNotWrittenItsNameYet) {
  TempDir dir;
  const auto held = DataDir::Lock(dir / "data", "a");
  ASSERT_TRUE(held.ok());
  WriteAll(dir / "data/LOCK", "");
  EXPECT_THAT(Message(DataDir::Lock(dir / "data", "b").status()),
              HasSubstr("in use by another process"));
}

TEST(DataDir, TheLockEndsWithTheProcessThatWasKilled) {
  TempDir dir;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = DataDir::Lock(dir / "data", "child");
    if (!held.ok() || ::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THAT(Message(DataDir::Lock(dir / "data", "b").status()),
              HasSubstr(Text("registryd 'child' (pid ", child, ")")));
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(DataDir::Lock(dir / "data", "b").ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(DataDir, AFileInTheWayIsNamed) {
  TempDir dir;
  WriteAll(dir / "file", "");
  for (const std::string& path : {dir / "file", dir / "file/below"}) {
    const auto held = DataDir::Lock(path, "a");
    EXPECT_TRUE(absl::IsFailedPrecondition(held.status())) << held.status();
    EXPECT_THAT(Message(held.status()), AllOf(HasSubstr(dir / "file"), HasSubstr("Not a directory"),
                                              HasSubstr("give --data-dir another directory")));
  }
}

TEST(DataDir, AMissingRightIsNamed) {
  TempDir dir;
  std::filesystem::create_directory(dir / "other");
  ASSERT_EQ(::chmod((dir / "other").c_str(), 0500), 0);
  // Root may write everywhere, so a child tries it as somebody else.
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65'534) != 0) ::_exit(2);
    const absl::Status status = DataDir::Lock(dir / "other/data", "a").status();
    const bool right =
        absl::IsPermissionDenied(status) &&
        Message(status).find(dir / "other/data") != std::string::npos &&
        Message(status).find("give the user that runs registryd access") != std::string::npos;
    ::_exit(right ? 0 : 1);
  }
  int exit_status = 0;
  ASSERT_EQ(::waitpid(child, &exit_status, 0), child);
  EXPECT_EQ(exit_status, 0);
}

TEST(DataDir, AReadOnlyFileSystemIsNamed) {
  TempDir dir;
  const std::string mount = dir / "mount";
  std::filesystem::create_directory(mount);
  if (::mount("tmpfs", mount.c_str(), "tmpfs", MS_RDONLY, "size=1m") != 0) {
    GTEST_SKIP() << "mounting a read-only tmpfs is not permitted here";
  }
  const auto held = DataDir::Lock(mount, "a");
  ::umount2(mount.c_str(), MNT_DETACH);
  EXPECT_TRUE(absl::IsFailedPrecondition(held.status())) << held.status();
  EXPECT_THAT(Message(held.status()), AllOf(HasSubstr(mount), HasSubstr("mounted read-only")));
}

TEST(DataDir, AnEmptyNameIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(DataDir::Lock("", "a").status()));
}

}  // namespace
}  // namespace registryd::storage
