// A fuzzer's entry over its corpus (tests/fuzz/corpus) and over mutations of it, so that every build
// runs some of it. Nothing is asserted here: the entry aborts, or a sanitizer does.
//
//   FeedCorpus("token", LLVMFuzzerTestOneInput, {".", "{", "eyJ"});    // words of the grammar
//
// The CMakeLists gives REGISTRYD_FUZZ_CORPUS to the files that include this. Prints its seed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace registryd::testing {

inline std::vector<std::string> FuzzCorpus(const std::string& fuzzer) {
  std::vector<std::string> corpus;
  for (const auto& file : std::filesystem::directory_iterator(REGISTRYD_FUZZ_CORPUS "/" + fuzzer)) {
    corpus.push_back(ReadFile(file.path()));
  }
  return corpus;
}

inline void FeedCorpus(const std::string& fuzzer, int (*entry)(const uint8_t*, size_t),
                       const std::vector<std::string>& words) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  const std::vector<std::string> corpus = FuzzCorpus(fuzzer);
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

}  // namespace registryd::testing
