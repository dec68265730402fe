#include "tests/support/daemon.h"

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <utility>

#include "tests/support/wait_for.h"

namespace registryd::testing {

Daemon::Daemon(std::string data_dir, std::vector<std::string> flags,
               std::map<std::string, std::string> addresses)
    : data_dir_(std::move(data_dir)), flags_(std::move(flags)), addresses_(std::move(addresses)) {}

void Daemon::Launch() {
  const auto address_or_any = [this](const std::string& key) {
    const auto found = addresses_.find(key);
    return found == addresses_.end() ? std::string("127.0.0.1:0") : found->second;
  };
  std::filesystem::remove(files_.path() + "/ready");
  std::vector<std::string> argv = prefix_;
  const std::vector<std::string> own = {BinDir() + "/" + program_,
                                        "--data-dir",
                                        data_dir_,
                                        "--ready-file",
                                        files_.path() + "/ready",
                                        "--listen",
                                        address_or_any("api"),
                                        "--peer-listen",
                                        address_or_any("peer"),
                                        "--http-listen",
                                        address_or_any("http")};
  argv.insert(argv.end(), own.begin(), own.end());
  argv.insert(argv.end(), flags_.begin(), flags_.end());
  process_ = std::make_unique<ChildProcess>(argv, files_.path() + "/out", files_.path() + "/err");
}

bool Daemon::Start() {
  Launch();
  return WaitUntilReady();
}

bool Daemon::WaitUntilReady() {
  const bool ended_or_ready = WaitFor(
      [this] { return std::filesystem::exists(files_.path() + "/ready") || !process_->running(); });
  if (!ended_or_ready || !process_->running()) return false;
  addresses_ = ParseReadyFile(ReadFile(files_.path() + "/ready"));
  return !address().empty();
}

void Daemon::Kill9() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

std::optional<int> Daemon::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

std::string Daemon::address() const {
  const auto found = addresses_.find("api");
  return found == addresses_.end() ? "" : found->second;
}

std::string Daemon::http_address() const {
  const auto found = addresses_.find("http");
  return found == addresses_.end() ? "" : found->second;
}

std::string Daemon::Page(const std::string& path) const {
  return RunProgram({"/bin/bash", "-c",
                     "exec 3<>/dev/tcp/${0%:*}/${0##*:} && printf 'GET %s HTTP/1.0\\r\\n\\r\\n' "
                     "\"$1\" >&3 && cat <&3",
                     http_address(), path})
      .out;
}

std::optional<double> Daemon::Metric(const std::string& name) const {
  const std::string page = Page("/metrics");
  const size_t at = page.find("\n" + name + " ");
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(page.c_str() + at + name.size() + 2, nullptr);
}

int64_t Daemon::ResidentKiB() const { return StatusKiB("VmRSS:"); }

int64_t Daemon::PeakResidentKiB() const { return StatusKiB("VmHWM:"); }

void Daemon::ForgetPeak() const {
  WriteFile("/proc/" + std::to_string(pid()) + "/clear_refs", "5");
}

int64_t Daemon::StatusKiB(const std::string& field) const {
  const std::string status = ReadFile("/proc/" + std::to_string(pid()) + "/status");
  const size_t at = status.find(field);
  return at == std::string::npos ? 0 : std::stoll(status.substr(at + field.size()));
}

Finished Daemon::Cli(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {BinDir() + "/registry-cli", "--server", address()});
  return RunProgram(arguments);
}

std::string Daemon::Log() const {
  return "registryd on " + data_dir_ + ":\n" + ReadFile(files_.path() + "/out") +
         ReadFile(files_.path() + "/err");
}

std::map<std::string, std::string> ParseReadyFile(const std::string& text) {
  std::map<std::string, std::string> values;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t equals = line.find('=');
    if (equals != std::string::npos) values[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return values;
}

}  // namespace registryd::testing
