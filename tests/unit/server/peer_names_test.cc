#include "registryd/server/peer_names.h"

#include <gtest/gtest.h>

namespace registryd::server {
namespace {

TEST(PeerNamesTest, ANodeIsTheOneThatItsCertificateNames) {
  const std::vector<std::string> own{"spiffe://test/node/a"};
  const auto check = [&](const std::vector<std::string>& verified, const std::string& claimed) {
    return CheckPeerName(own, verified, claimed);
  };
  EXPECT_TRUE(check({"spiffe://test/node/b", "localhost", "127.0.0.1"}, "b").ok());
  EXPECT_EQ(check({"spiffe://test/node/b"}, "c").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(check({"spiffe://other/node/b", "b"}, "b").ok());  // another trust domain
  EXPECT_FALSE(check({"spiffe://test/shop/b", "b"}, "b").ok());   // a client
  EXPECT_FALSE(check({"b", "localhost"}, "b").ok());
  EXPECT_FALSE(check({"spiffe://test/node/"}, "").ok());
  EXPECT_FALSE(check({}, "b").ok());
  EXPECT_FALSE(check({"spiffe://test/x/node/b"}, "b").ok());
}

TEST(PeerNamesTest, CertificatesOfOtherToolsNameTheNodeByDns) {
  EXPECT_TRUE(CheckPeerName({}, {"b", "10.0.0.2"}, "b").ok());
  EXPECT_FALSE(CheckPeerName({}, {"b"}, "a").ok());
  // A path of our own that only contains the word is no node's.
  EXPECT_FALSE(CheckPeerName({"spiffe://test/x/node/a"}, {"spiffe://test/x/node/b"}, "b").ok());
}

}  // namespace
}  // namespace registryd::server
