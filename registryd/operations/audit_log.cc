#include "registryd/operations/audit_log.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/metrics.h"
#include "registryd/base/text.h"

namespace registryd::operations {
namespace {

std::string Timestamp(int64_t wall_ms) {
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
  std::string millis = Text(wall_ms % 1000);
  return Text(std::string_view(text, size), ".", std::string(3 - millis.size(), '0'), millis, "Z");
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const Options& options,
                                                         const Clock* clock) {
  std::unique_ptr<AuditLog> log(new AuditLog(options, clock));
  RETURN_IF_ERROR(log->OpenFile());
  log->thread_ = std::thread([raw = log.get()] {
    pthread_setname_np(pthread_self(), "audit");
    raw->Run();
  });
  return log;
}

AuditLog::~AuditLog() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
  if (fd_ > STDERR_FILENO) close(fd_);
}

absl::Status AuditLog::OpenFile() {
  if (options_.path == "-") {
    fd_ = STDOUT_FILENO;
    return absl::OkStatus();
  }
  fd_ = open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  struct stat info {};
  if (fd_ < 0 || fstat(fd_, &info) != 0) {
    return absl::UnavailableError(
        Text("cannot open the audit log ", options_.path, ": ", std::strerror(errno)));
  }
  size_ = static_cast<uint64_t>(info.st_size);
  return absl::OkStatus();
}

void AuditLog::Rotate() {
  // Where the last rotation could not open the new file there is nothing to move on.
  if (fd_ >= 0) {
    close(fd_);
    fd_ = -1;
    MoveOn();
  }
  if (absl::Status opened = OpenFile(); !opened.ok()) {
    log::Error("the audit log is not written", {{"error", opened}});
  }
}

void AuditLog::MoveOn() {
  for (int i = options_.files - 1; i > 0; --i) {
    const std::string from = i == 1 ? options_.path : Text(options_.path, ".", i - 1);
    std::rename(from.c_str(), Text(options_.path, ".", i).c_str());
  }
  if (options_.files <= 1) std::remove(options_.path.c_str());
}

void AuditLog::Write(const Caller& caller, Verb verb, std::string_view object, Revision revision,
                     const absl::Status& result) {
  nlohmann::ordered_json line;
  line["time"] = Timestamp(clock_->WallMs());
  line["identity"] = caller.identity;
  line["peer"] = caller.peer;
  line["verb"] = ToString(verb);
  line["object"] = object;
  if (revision) line["revision"] = revision.value();
  line["result"] = absl::StatusCodeToString(result.code());
  if (!result.ok()) line["message"] = std::string(result.message());
  std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text += '\n';
  if (queue_.TryPush(std::move(text))) return;
  ++refused_;
  CountLost(1);
}

void AuditLog::CountLost(uint64_t lines) {
  static metrics::Counter& lost =
      metrics::GetCounter("registryd_audit_lost_total", "Audit lines that were not written.");
  lost.Add(static_cast<double>(lines));
}

void AuditLog::Run() {
  std::vector<std::string> lines;
  std::string batch;
  uint64_t reported = 0;
  while (queue_.PopAll(&lines)) {
    batch.clear();
    for (const std::string& line : lines) batch += line;
    if (!WriteBatch(batch)) CountLost(lines.size());
    if (const uint64_t refused = refused_; refused != reported) {
      log::Error("audit lines were lost: calls come faster than they can be written",
                 {{"lost", refused}});
      reported = refused;
    }
  }
}

bool AuditLog::WriteBatch(std::string_view lines) {
  const bool full = size_ > 0 && size_ + lines.size() > options_.bytes_max;
  if (options_.path != "-" && (full || fd_ < 0)) Rotate();
  size_ += lines.size();
  while (!lines.empty()) {
    const ssize_t written = write(fd_, lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      log::Error("the audit log cannot be written",
                 {{"path", options_.path}, {"error", std::string(std::strerror(errno))}});
      return false;
    }
    lines.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace registryd::operations
