#include "cli/sidecar/local_address.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace registry::cli {
namespace {

TEST(LocalAddressTest, TheAddressThatFacesTheRegistry) {
  for (const std::string server : {"127.0.0.1:7400", "dns:///127.0.0.1:7400"}) {
    const auto address = FacingAddress({server});
    ASSERT_TRUE(address.ok()) << server << ": " << address.status();
    EXPECT_EQ(*address, "127.0.0.1") << server;
  }
}

TEST(LocalAddressTest, WithoutOneItSaysWhatToGive) {
  const auto address = FacingAddress({"[:::1]:7400"});
  ASSERT_FALSE(address.ok());
  EXPECT_NE(address.status().message().find("--advertise"), std::string::npos) << address.status();
}

}  // namespace
}  // namespace registry::cli
