#include "registryd/consensus/configuration_codec.h"

#include <gtest/gtest.h>

#include <random>

#include "registryd/base/text.h"

namespace registryd::consensus {
namespace {

Configuration Three() {
  return {{NodeId(1), "10.0.0.1:7002", Suffrage::kVoter},
          {NodeId(UINT64_MAX), "registry-2.example:7002", Suffrage::kStandby},
          {NodeId(3), "[::1]:7002", Suffrage::kSpare}};
}

TEST(ConfigurationCodecTest, WhatIsEncodedIsDecoded) {
  for (const Configuration& configuration : {Three(), Configuration{{NodeId(9), "x"}}}) {
    const absl::StatusOr<Payload> bytes = EncodeConfiguration(configuration);
    ASSERT_TRUE(bytes.ok());
    const absl::StatusOr<Configuration> decoded = DecodeConfiguration(**bytes);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(*decoded, configuration);
  }
}

// The bytes lie in logs on disk: they must never change.
TEST(ConfigurationCodecTest, FormatIsFixed) {
  const std::string expected = std::string("\x01\x01\0\0\0\0\0\0\0", 9) +
                               std::string("\x02\0\0\0\0\0\0\0", 8) + std::string("a:1\0\x01", 5) +
                               std::string(2, '\0');
  EXPECT_EQ(**EncodeConfiguration({{NodeId(2), "a:1"}}), expected);
}

TEST(ConfigurationCodecTest, NonsenseIsNotEncoded) {
  Configuration many;
  for (uint64_t i = 1; i <= kMaxServers + 1; ++i) many.push_back({NodeId(i), Text("n", i)});
  for (const Configuration& bad :
       std::vector<Configuration>{{},
                                  many,
                                  {{NodeId(0), "a"}},
                                  {{NodeId(1), ""}},
                                  {{NodeId(1), std::string(kMaxAddressLength + 1, 'a')}},
                                  {{NodeId(1), std::string("a\0b", 3)}},
                                  {{NodeId(1), "a"}, {NodeId(1), "b"}},
                                  {{NodeId(1), "a"}, {NodeId(2), "a"}},
                                  {{NodeId(1), "a", static_cast<Suffrage>(3)}}}) {
    EXPECT_EQ(EncodeConfiguration(bad).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ConfigurationCodecTest, DamagedBytesAreRefusedOrDecodeToSomethingValid) {
  const std::string good = **EncodeConfiguration(Three());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(DecodeConfiguration(good.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeConfiguration(good + std::string(8, '\0')).ok());
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(Text("seed ", seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = good;
    for (int n = 0; n < 3; ++n) damaged[random() % damaged.size()] = static_cast<char>(random());
    const absl::StatusOr<Configuration> decoded = DecodeConfiguration(damaged);
    if (decoded.ok()) {
      EXPECT_TRUE(EncodeConfiguration(*decoded).ok());
    }
  }
}

}  // namespace
}  // namespace registryd::consensus
