// The fuzzer of policy files over its corpus. The hour is a command: tests/fuzz/run.sh config.
#include <gtest/gtest.h>

#include "tests/fuzz/config_fuzz.cc"
#include "tests/support/fuzz_feed.h"

namespace registryd::server {
namespace {

TEST(PolicyFileFuzzTest, Corpus) {
  testing::FeedCorpus(
      "config", LLVMFuzzerTestOneInput,
      {"[", "]", "\"", "'''", "\\u0000", "= 5", "#", "\n", "{ ", "a.b=", "*", "1e9", "\xc3", ","});
}

}  // namespace
}  // namespace registryd::server
