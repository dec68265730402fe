// The fuzzer's entry over random bytes and over texts made of the grammars' words, so that every
// build runs some of it. The entry aborts, or a sanitizer does; the words must also reach what
// stands behind the parsers.
#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/selector_fuzz.cc"
#include "tests/support/fuzz_feed.h"

namespace registryd::core {
namespace {

class SelectorFuzzTest : public ::testing::Test {
 protected:
  SelectorFuzzTest() : seed_(std::random_device()()), random_(seed_) {
    std::cout << "seed " << seed_ << "\n";
  }

  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  std::string FromWords(const std::vector<std::string>& words) {
    std::string text;
    for (size_t n = Below(16); n > 0; --n) text += words[Below(words.size())];
    return text;
  }
  // One byte is taken away, put in or changed.
  std::string Mutated(std::string text) {
    const size_t at = Below(text.size() + 1);
    const char byte = static_cast<char>(Below(256));
    const size_t removed = at < text.size() && Below(2) == 0 ? 1 : 0;
    text.replace(at, removed, Below(2) == 0 ? "" : std::string(1, byte));
    return text;
  }
  static void Feed(const std::string& text) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
};

TEST_F(SelectorFuzzTest, Corpus) {
  testing::FeedCorpus(
      "selector", LLVMFuzzerTestOneInput,
      {"in", "(", ")", ",", "!", "=", "||", "^", "~", "<", "1.2.3", ".x", "-0", " "});
}

TEST_F(SelectorFuzzTest, RandomBytes) {
  for (int i = 0; i < 20'000; ++i) {
    std::string text(Below(40), '\0');
    for (char& c : text) c = static_cast<char>(Below(256));
    Feed(text);
  }
}

TEST_F(SelectorFuzzTest, SelectorWords) {
  const std::vector<std::string> words = {
      "a", "b", "in", "notin", "example.com/a", "0",        " ",  " ", "=", "==", "!=", "!",
      "(", ")", "),", ",",     " in(",          " notin (", "\t", "<", "-"};
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = FromWords(words);
    if (Selector::Parse("", text).ok()) ++accepted;
    Feed(text);
    Feed(Mutated(text));
  }
  EXPECT_GT(accepted, 100);
}

TEST_F(SelectorFuzzTest, RangeWords) {
  const std::vector<std::string> words = {"0",
                                          "1",
                                          "2",
                                          "10",
                                          "0.0.1",
                                          "1.0.0",
                                          "1.2.3",
                                          "1.2.3-rc.1",
                                          "1.2",
                                          "0.1",
                                          "x",
                                          "*",
                                          ".",
                                          "-0",
                                          "-rc.1",
                                          "+build",
                                          " ",
                                          " ",
                                          " ",
                                          "||",
                                          "||",
                                          " ^",
                                          "^",
                                          "~",
                                          " ~",
                                          ">",
                                          " >=",
                                          "<",
                                          " <= ",
                                          "=",
                                          "|",
                                          "01",
                                          "v",
                                          "\t",
                                          " 1.x",
                                          " 2.*",
                                          "999999999999999999"};
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = FromWords(words);
    if (VersionRange::Parse("", text).ok()) ++accepted;
    Feed(text);
    Feed(Mutated(text));
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace registryd::core
