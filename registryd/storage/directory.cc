#include "registryd/storage/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "registryd/base/check.h"
#include "registryd/base/text.h"

namespace registryd::storage {
namespace {

absl::StatusCode CodeOf(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    case EIO:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kFailedPrecondition;
  }
}

std::string_view AdviceFor(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return "; give the user that runs registryd access to it, or give --data-dir another "
             "directory";
    case EROFS:
      return "; the file system is mounted read-only: mount it for writing, or give --data-dir "
             "another "
             "directory";
    case ENOTDIR:
    case EEXIST:
      return "; a file is in the way: remove it, or give --data-dir another directory";
    case ENOSPC:
    case EDQUOT:
      return "; free space on that file system";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files";
    case EIO:
      return "; the disk does not answer: look at the kernel's log and replace the disk";
    default:
      return "";
  }
}

absl::Status MakeOne(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    const int error_number = errno;
    struct stat info;
    if (::stat(path.c_str(), &info) == 0) {
      if (S_ISDIR(info.st_mode)) return absl::OkStatus();
      return FileError("creating directory", path, ENOTDIR);
    }
    return FileError("creating directory", path, error_number);
  }
  // The new name is an entry of the parent; without this a power loss may take the whole directory
  // away.
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return SyncPath(".");
  return SyncPath(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace

absl::Status FileError(std::string_view doing, const std::string& path, int error_number) {
  return absl::Status(
      CodeOf(error_number),
      Text(doing, " ", path, ": ", std::strerror(error_number), AdviceFor(error_number)));
}

absl::Status MakeDirectories(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the directory's name is empty");
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string above = path.substr(0, slash);
    struct stat info;
    // Only what is missing is made: the user may well lack the right to write further up.
    if (::stat(above.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
    RETURN_IF_ERROR(MakeOne(above));
  }
  return path.back() == '/' ? absl::OkStatus() : MakeOne(path);
}

absl::Status SyncPath(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError("opening", path, errno);
  const int error_number = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // Some file systems cannot sync a directory and say EINVAL.
  if (error_number != 0 && error_number != EINVAL) return FileError("syncing", path, error_number);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& dir,
                                                   std::string_view suffix) {
  std::vector<std::string> names;
  DIR* stream = ::opendir(dir.c_str());
  if (stream == nullptr) {
    if (errno == ENOENT) return names;
    return FileError("listing", dir, errno);
  }
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(suffix)) names.emplace_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace registryd::storage
