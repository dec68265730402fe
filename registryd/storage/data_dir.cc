#include "registryd/storage/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/storage/directory.h"

namespace registryd::storage {
namespace {

// What a running daemon wrote: "123 a". It may be empty for the moment between its flock and its
// write.
absl::Status InUse(const std::string& dir, int fd) {
  char bytes[512];
  const ssize_t size = ::pread(fd, bytes, sizeof(bytes), 0);
  std::string_view holder(bytes, size > 0 ? static_cast<size_t>(size) : 0);
  holder = holder.substr(0, holder.find('\n'));
  const size_t space = holder.find(' ');
  const std::string who =
      space == std::string_view::npos
          ? std::string("another process")
          : Text("registryd '", holder.substr(space + 1), "' (pid ", holder.substr(0, space), ")");
  return absl::FailedPreconditionError(
      Text("data directory ", dir, " is in use by ", who,
           "; stop it first, or give --data-dir another directory"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDir>> DataDir::Lock(const std::string& dir,
                                                       const std::string& node_name) {
  RETURN_IF_ERROR(MakeDirectories(dir));
  const std::string path = dir + "/LOCK";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return FileError("opening", path, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error_number = errno;
    const absl::Status status =
        error_number == EWOULDBLOCK ? InUse(dir, fd) : FileError("locking", path, error_number);
    ::close(fd);
    return status;
  }
  std::unique_ptr<DataDir> held(new DataDir(dir, fd));
  const std::string holder = Text(::getpid(), " ", node_name, "\n");
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size())) {
    return FileError("writing", path, errno);
  }
  return held;
}

std::string DataDir::StateDir(uint64_t generation) const {
  return generation == 0 ? dir_ + "/state" : Text(dir_, "/state-", generation);
}

absl::Status DataDir::RemoveOtherStates(uint64_t generation) const {
  const std::string kept = StateDir(generation);
  std::error_code error;
  for (std::filesystem::directory_iterator it(dir_, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (it->path() == kept || (name != "state" && !name.starts_with("state-"))) continue;
    std::filesystem::remove_all(it->path(), error);
    if (error) return FileError("removing", it->path().string(), error.value());
  }
  if (error) return FileError("reading", dir_, error.value());
  return absl::OkStatus();
}

// The file stays: removing it would let two daemons lock two different files of that name.
DataDir::~DataDir() { ::close(fd_); }

}  // namespace registryd::storage
