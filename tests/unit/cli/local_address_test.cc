#include "cli/sidecar/local_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <vector>

namespace registry::cli {
namespace {

using ::testing::HasSubstr;

TEST(LocalAddressTest, TheAddressThatFacesTheRegistry) {
  for (const std::string server : {"127.0.0.1:7400", "dns:///127.0.0.1:7400"}) {
    EXPECT_EQ(*FacingAddress({server}), "127.0.0.1") << server;
  }
  EXPECT_EQ(*FacingAddress({"no-such-host.invalid:7400", "127.0.0.1:7400"}), "127.0.0.1");
  const auto v6 = FacingAddress({"[::1]:7400"});
  EXPECT_TRUE(!v6.ok() || *v6 == "::1") << *v6;  // not every machine has IPv6
}

TEST(LocalAddressTest, WithoutOneItSaysWhatToGive) {
  for (const std::string server : {"[:::1]:7400", "no-such-host.invalid:7400"}) {
    const auto address = FacingAddress({server});
    ASSERT_FALSE(address.ok()) << server;
    EXPECT_THAT(std::string(address.status().message()), HasSubstr("--advertise"));
  }
}

TEST(LocalAddressTest, AnIdNamesHostAndPort) {
  const std::string id = DefaultInstanceId(8080);
  EXPECT_THAT(id, HasSubstr(":8080"));
  EXPECT_NE(std::isalnum(static_cast<unsigned char>(id.front())), 0);
}

}  // namespace
}  // namespace registry::cli
