// The audit log: lines, rotation, and what it does with bytes that are no text.
#include "registryd/operations/audit_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "registryd/base/metrics.h"
#include "tests/support/temp_dir.h"

namespace registryd::operations {
namespace {

class AuditLogFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<AuditLog> Open(uint64_t bytes_max, int files) {
    auto log = AuditLog::Open({.path = path_, .bytes_max = bytes_max, .files = files}, &clock_);
    EXPECT_TRUE(log.ok()) << log.status();
    return log.ok() ? *std::move(log) : nullptr;
  }
  static std::vector<nlohmann::json> Lines(const std::string& path) {
    std::vector<nlohmann::json> lines;
    std::istringstream file(testing::ReadFile(path));
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  const SystemClock clock_;
  testing::TempDir dir_;
  const std::string path_ = dir_.path() + "/audit.jsonl";
  const Caller caller_{.identity = "spiffe://example.org/shop/web", .peer = "ipv4:10.0.0.7:4711"};
};

TEST_F(AuditLogFileTest, ALineSaysWhoWhatAndHowItEnded) {
  auto log = Open(1 << 20, 3);
  log->Write(caller_, Verb::kRegister, "shop/web", Revision(17), absl::OkStatus());
  log->Write(caller_, Verb::kDrain, "bank/\"vault\n\xff", Revision(),
             absl::PermissionDeniedError("no"));
  log = nullptr;  // writes what waits
  const auto lines = Lines(path_);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["identity"], caller_.identity);
  EXPECT_EQ(lines[0]["peer"], caller_.peer);
  EXPECT_EQ(lines[0]["verb"], "register");
  EXPECT_EQ(lines[0]["object"], "shop/web");
  EXPECT_EQ(lines[0]["revision"], 17);
  EXPECT_EQ(lines[0]["result"], "OK");
  EXPECT_FALSE(lines[0].contains("message"));
  EXPECT_EQ(lines[1]["result"], "PERMISSION_DENIED");
  EXPECT_EQ(lines[1]["message"], "no");
  EXPECT_FALSE(lines[1].contains("revision"));
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(AuditLogFileTest, LinesThatADiskDoesNotTakeAreCounted) {
  auto log = AuditLog::Open({.path = "/dev/full"}, &clock_);
  ASSERT_TRUE(log.ok()) << log.status();
  for (int i = 0; i < 3; ++i) {
    (*log)->Write(caller_, Verb::kUpdate, "shop/web", Revision(1), absl::OkStatus());
  }
  log->reset();  // writes what waits
  EXPECT_NE(metrics::Scrape().find("registryd_audit_lost_total 3\n"), std::string::npos)
      << metrics::Scrape();
}

TEST_F(AuditLogFileTest, AFullFileMovesOnAndTheOldestGoes) {
  // Each time it is opened again it goes on with the file that is there.
  for (int i = 0; i < 10; ++i) {
    auto log = Open(300, 3);
    log->Write(caller_, Verb::kUpdate, "shop/" + std::to_string(i), Revision(1), absl::OkStatus());
  }
  std::vector<std::string> seen;
  for (const std::string& file : {path_ + ".2", path_ + ".1", path_}) {
    ASSERT_TRUE(std::filesystem::exists(file)) << file;
    EXPECT_LE(std::filesystem::file_size(file), 300u);
    for (const auto& line : Lines(file)) seen.push_back(line["object"]);
  }
  EXPECT_FALSE(std::filesystem::exists(path_ + ".3"));
  // The newest, in order, none lost between two files.
  ASSERT_FALSE(seen.empty());
  ASSERT_LT(seen.size(), 10u);
  for (size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i], "shop/" + std::to_string(10 - seen.size() + i));
  }
}

TEST_F(AuditLogFileTest, AFileThatCannotBeOpenedIsAnError) {
  const auto log = AuditLog::Open({.path = dir_.path() + "/none/audit"}, &clock_);
  EXPECT_EQ(log.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace registryd::operations
