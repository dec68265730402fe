// The fuzzers' entries over their corpus and over mutations of it, so that every build runs some of
// it. The hour is a command: tests/fuzz/run.sh.
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

// Both files have the entry of libFuzzer; here each gets a name of its own.
#define LLVMFuzzerTestOneInput FuzzToken
#include "tests/fuzz/token_fuzz.cc"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput FuzzPolicy
#include "tests/fuzz/policy_fuzz.cc"
#undef LLVMFuzzerTestOneInput

namespace registryd::operations {
namespace {

void Feed(const std::string& folder, int (*entry)(const uint8_t*, size_t),
          const std::vector<std::string>& words) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  std::vector<std::string> corpus;
  for (const auto& file : std::filesystem::directory_iterator(REGISTRYD_FUZZ_CORPUS "/" + folder)) {
    corpus.push_back(testing::ReadFile(file.path()));
  }
  ASSERT_FALSE(corpus.empty());
  const auto feed = [&](const std::string& text) {
    entry(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  };
  for (const std::string& text : corpus) feed(text);
  for (int i = 0; i < 3'000; ++i) {
    std::string text = corpus[random() % corpus.size()];
    for (uint64_t n = 1 + random() % 4; n > 0; --n) {
      const size_t at = random() % (text.size() + 1);
      switch (random() % 3) {
        case 0:
          text.insert(at, words[random() % words.size()]);
          break;
        case 1:
          text.erase(at, random() % 8);
          break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(random());
      }
    }
    feed(text);
  }
}

TEST(FuzzTest, Tokens) {
  Feed("token", FuzzToken, {".", "..", "\"", "{", "[[[[", "eyJ", "=", std::string(9'000, 'A')});
}

TEST(FuzzTest, Policies) {
  Feed("policy", FuzzPolicy,
       {"*", "**", "{", "}", "{namespace}", "/", ",", "\n", "\n=", " ", "register", "\xff"});
}

}  // namespace
}  // namespace registryd::operations
