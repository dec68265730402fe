// The fuzzer's entry over mutated commands, so that every build runs some of it. Nothing is
// asserted here: the entry aborts, or a sanitizer does.
#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <set>
#include <string>
#include <variant>

#include "google/protobuf/stubs/logging.h"
#include "registryd/wire/command_codec.h"
#include "tests/fuzz/command_decoder_fuzz.cc"
#include "tests/support/fuzz_feed.h"
#include "tests/support/random_command.h"

namespace registryd::wire {
namespace {

void Feed(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

class CommandDecoderFuzzTest : public ::testing::Test {
 protected:
  CommandDecoderFuzzTest() : seed_(std::random_device()()), random_(seed_) {
    std::cout << "seed " << seed_ << "\n";
  }

  std::string NextBytes() {
    const core::Context context = random_.NextContext();
    const core::Command command = random_.Next(registry_);
    registry_.Apply(context, command);
    return EncodeCommand(context.request, context.actor, command);
  }

  const uint64_t seed_;
  testing::RandomCommand random_;
  core::Registry registry_;
  google::protobuf::LogSilencer silence_;  // it writes a line for each text that is not UTF-8
};

// The corpus of the hour's run (tests/fuzz/run.sh) stays one of commands that are read.
TEST_F(CommandDecoderFuzzTest, Corpus) {
  std::set<size_t> kinds;
  for (const std::string& bytes : testing::FuzzCorpus("command_decoder")) {
    const auto decoded = DecodeCommand(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    kinds.insert(decoded->command.index());
    Feed(bytes);
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<core::Command>);
}

TEST_F(CommandDecoderFuzzTest, Truncations) {
  for (int i = 0; i < 50; ++i) {
    const std::string bytes = NextBytes();
    for (size_t size = 0; size <= bytes.size(); ++size) Feed(bytes.substr(0, size));
  }
}

TEST_F(CommandDecoderFuzzTest, BitFlips) {
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = NextBytes();
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      Feed(flipped);
    }
  }
}

TEST_F(CommandDecoderFuzzTest, RandomBytes) {
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = random_.OneIn(10) ? "" : NextBytes().substr(0, kEnvelopeHeaderSize);
    for (uint64_t n = random_.Below(100); n > 0; --n) {
      bytes.push_back(static_cast<char>(random_.Below(256)));
    }
    Feed(bytes);
  }
}

TEST_F(CommandDecoderFuzzTest, SplicedCommands) {
  for (int i = 0; i < 5'000; ++i) {
    const std::string a = NextBytes();
    const std::string b = NextBytes();
    Feed(a.substr(0, random_.Below(a.size())) + b.substr(random_.Below(b.size())));
    Feed(a + b.substr(kEnvelopeHeaderSize));  // valid protobuf: the later command wins
  }
}

}  // namespace
}  // namespace registryd::wire
