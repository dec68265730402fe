// The fuzzer's entry over mutated policy files, so that every build runs some of it.
#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/config_fuzz.cc"

namespace registryd::server {
namespace {

TEST(PolicyFileFuzzTest, Mutations) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  const std::string good =
      "[roles]\na = [\"register {x}/{y}\", \"lookup *\"]\nb = \"* *\"\n[identities]\n"
      "\"spiffe://e/{x}/{y}\" = [\"a\"]\n\"jwt:z\" = \"b\"\n";
  const std::vector<std::string> words = {"[",  "]",  "\"",   "'''", "\\u0000", "= 5",  "#",
                                          "\n", "{ ", "a.b=", "*",   "1e9",     "\xc3", ","};
  for (int i = 0; i < 3'000; ++i) {
    std::string text = good;
    for (uint64_t n = 1 + random() % 5; n > 0; --n) {
      const size_t at = random() % (text.size() + 1);
      if (random() % 2 == 0) {
        text.insert(at, words[random() % words.size()]);
      } else {
        text.erase(at, random() % 6);
      }
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }
}

}  // namespace
}  // namespace registryd::server
