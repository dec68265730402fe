// The fuzzers of tokens and policies over their corpus. The hour is a command: tests/fuzz/run.sh.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/fuzz_feed.h"

// Both files have the entry of libFuzzer; here each gets a name of its own.
#define LLVMFuzzerTestOneInput FuzzToken
#include "tests/fuzz/token_fuzz.cc"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput FuzzPolicy
#include "tests/fuzz/policy_fuzz.cc"
#undef LLVMFuzzerTestOneInput

namespace registryd::operations {
namespace {

using testing::FeedCorpus;

TEST(FuzzTest, Tokens) {
  FeedCorpus("token", FuzzToken,
             {".", "..", "\"", "{", "[[[[", "eyJ", "=", std::string(9'000, 'A')});
}

TEST(FuzzTest, Policies) {
  FeedCorpus("policy", FuzzPolicy,
             {"*", "**", "{", "}", "{namespace}", "/", ",", "\n", "\n=", " ", "register", "\xff"});
}

}  // namespace
}  // namespace registryd::operations
