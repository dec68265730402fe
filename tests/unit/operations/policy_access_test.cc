#include "registryd/operations/policy_access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "tests/support/temp_dir.h"

namespace registryd::operations {
namespace {

std::shared_ptr<const Policy> Allowing(const std::string& rule) {
  return std::make_shared<const Policy>(
      *Policy::Compile({.roles = {{"r", {rule}}}, .identities = {{"jwt:a", {"r"}}}}));
}

TEST(PolicyAccessTest, WithoutAPolicyEverythingIsAllowed) {
  FakeClock clock;
  PolicyAccess access({.clock = &clock});
  EXPECT_TRUE(access.Authorize({}, Verb::kMember, "").ok());
  EXPECT_EQ(*access.Visible({}, Verb::kLookup), nullptr);
  EXPECT_TRUE(access.Explain("x", Verb::kMember, "").allowed);
}

TEST(PolicyAccessTest, APolicyDeniesWhatItDoesNotNameAndCountsAtOnce) {
  FakeClock clock;
  PolicyAccess access({.clock = &clock});
  access.SetPolicy(Allowing("lookup shop/*"));
  const Caller a{.identity = "jwt:a", .peer = "p"};
  EXPECT_TRUE(access.Authorize(a, Verb::kLookup, "shop/web").ok());
  EXPECT_EQ(access.Authorize(a, Verb::kLookup, "bank/web").code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(access.Authorize({}, Verb::kLookup, "shop/web").code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_EQ((*access.Visible(a, Verb::kLookup))->text(), "shop/*");
  EXPECT_EQ(access.Visible(a, Verb::kWatch).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(access.Visible({}, Verb::kLookup).status().code(), absl::StatusCode::kUnauthenticated);
  const uint64_t epoch = access.epoch();
  access.SetPolicy(Allowing("lookup bank/*"));
  EXPECT_GT(access.epoch(), epoch);
  EXPECT_FALSE(access.Authorize(a, Verb::kLookup, "shop/web").ok());
  EXPECT_TRUE(access.Authorize(a, Verb::kLookup, "bank/web").ok());
}

TEST(PolicyAccessTest, AnAuditLineSaysWhoDidWhat) {
  testing::TempDir dir;
  FakeClock clock;
  const std::string path = dir.path() + "/audit";
  auto audit = AuditLog::Open({.path = path}, &clock);
  ASSERT_TRUE(audit.ok()) << audit.status();
  {
    PolicyAccess access({.clock = &clock, .audit = audit->get()});
    access.SetPolicy(Allowing("register shop/*"));
    const Caller a{.identity = "jwt:a", .peer = "ipv4:10.0.0.1:5"};
    access.Record(a, Verb::kRegister, "shop/web", Revision(7), absl::OkStatus());
    access.Authorize(a, Verb::kRegister, "bank/\"web\n").IgnoreError();
  }
  *audit = nullptr;  // writes what waits
  const std::string text = testing::ReadFile(path);
  EXPECT_EQ(text.substr(0, text.find('\n')),
            R"({"time":"2023-11-14T22:13:20.000Z","identity":"jwt:a","peer":"ipv4:10.0.0.1:5",)"
            R"("verb":"register","object":"shop/web","revision":7,"result":"OK"})");
  const std::string denied = text.substr(text.find('\n') + 1);
  EXPECT_NE(denied.find(R"("object":"bank/\"web\n","result":"PERMISSION_DENIED")"),
            std::string::npos)
      << denied;
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(AuditLogTest, FilesAreKeptUpToTheirNumber) {
  testing::TempDir dir;
  FakeClock clock;
  const std::string path = dir.path() + "/audit";
  for (int round = 0; round < 6; ++round) {
    auto audit = AuditLog::Open({.path = path, .bytes_max = 200, .files = 3}, &clock);
    ASSERT_TRUE(audit.ok());
    for (int i = 0; i < 2; ++i) {
      (*audit)->Write({.identity = "round" + std::to_string(round), .peer = "p"}, Verb::kUpdate, "a/b",
                      Revision(1), absl::OkStatus());
    }
  }
  const auto has = [&](const std::string& suffix, const std::string& word) {
    return testing::ReadFile(path + suffix).find(word) != std::string::npos;
  };
  EXPECT_TRUE(has("", "round5"));
  EXPECT_TRUE(has(".1", "round") && has(".2", "round"));
  EXPECT_EQ(testing::ReadFile(path + ".3"), "");
  EXPECT_FALSE(has("", "round0") || has(".1", "round0") || has(".2", "round0"));
}

}  // namespace
}  // namespace registryd::operations
