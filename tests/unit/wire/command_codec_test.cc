#include "registryd/wire/command_codec.h"

#include <gtest/gtest.h>

#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "google/protobuf/stubs/logging.h"
#include "registryd/internal/v1/command.pb.h"
#include "tests/support/random_command.h"

namespace registryd::wire {
namespace {

namespace pb = ::registryd::internal::v1;
using ::registryd::testing::RandomCommand;

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!out.empty()) out += ' ';
    out += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

// An envelope as some other program would write it.
std::string Envelope(const pb::CommandBody& body) {
  return std::string("\x01\x01\x00\0\0\0\0\0\0\0\0", kEnvelopeHeaderSize) +
         body.SerializeAsString();
}

void ExpectCode(absl::StatusCode code, const std::string& bytes) {
  EXPECT_EQ(DecodeCommand(bytes).status().code(), code) << DecodeCommand(bytes).status();
  std::string stamped = bytes;
  EXPECT_EQ(CheckAndStamp(stamped, 5).code(), code);
  if (code != absl::StatusCode::kOk) {
    EXPECT_EQ(stamped, bytes) << "a refused envelope is not touched";
  }
}

TEST(CommandCodecTest, BringsEveryCommandBack) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  RandomCommand random(seed);
  core::Registry registry;
  std::vector<int> kinds(std::variant_size_v<core::Command>);
  for (int i = 0; i < 5'000; ++i) {
    const core::Context context = random.NextContext();
    const core::Command command = random.Next(registry);
    registry.Apply(context, command);
    ++kinds[command.index()];

    std::string bytes = EncodeCommand(context.request, context.actor, command);
    EXPECT_EQ(EncodeCommand(context.request, context.actor, command), bytes) << "not deterministic";
    EXPECT_EQ(DecodeCommand(bytes)->time_ms, 0) << "not stamped yet";
    ASSERT_EQ(CheckAndStamp(bytes, context.time_ms), absl::OkStatus());
    const absl::StatusOr<DecodedCommand> decoded = DecodeCommand(bytes);
    ASSERT_EQ(decoded.status(), absl::OkStatus());
    EXPECT_EQ(decoded->feature_level, kFeatureLevel);
    EXPECT_EQ(decoded->time_ms, context.time_ms);
    EXPECT_EQ(decoded->request, context.request);
    EXPECT_EQ(decoded->actor, context.actor);
    ASSERT_EQ(decoded->command, command) << "kind " << command.index();
  }
  for (size_t kind = 0; kind < kinds.size(); ++kind) EXPECT_GT(kinds[kind], 0) << kind;
}

TEST(CommandCodecTest, BringsTheLargestNumbersBack) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const core::Command commands[] = {
      core::RevokeLease{LeaseId(kMost), LeaseEpoch(kMost)},
      core::ExpireLeases{{{LeaseId(kMost), LeaseEpoch(kMost)}}, Term(kMost)},
      core::Deregister{{{core::InstanceName("n", "s", "i"), Revision(kMost)}}},
      core::Deregister{{{core::InstanceName("n", "s", "i"), {}}}, "process exited 137", true},
      core::GrantLease{{LeaseId(kMost), std::numeric_limits<int64_t>::max(), ""}},
      // Set but empty is not the same as not set.
      core::Update{{core::InstanceName("n", "s", "i"), {}},
                   Revision(kMost),
                   std::vector<core::Label>(),
                   std::vector<core::Endpoint>(),
                   0,
                   "",
                   ""},
  };
  for (const core::Command& command : commands) {
    std::string bytes = EncodeCommand({kMost, kMost}, "", command);
    ASSERT_EQ(CheckAndStamp(bytes, std::numeric_limits<int64_t>::max()), absl::OkStatus());
    const DecodedCommand decoded = *DecodeCommand(bytes);
    EXPECT_EQ(decoded.command, command);
    EXPECT_EQ(decoded.time_ms, std::numeric_limits<int64_t>::max());
    EXPECT_EQ(decoded.request, (core::RequestId{kMost, kMost}));
  }
}

// The worked example of docs/formats.md. When it fails, logs of older builds are no longer read the
// way they were written.
TEST(CommandCodecTest, TheEnvelopeIsThatOfTheDocument) {
  const core::SetHealth command{
      {core::InstanceName("default", "web", "i-1"), Revision(3)}, core::Report::kDraining, "bye"};
  std::string bytes = EncodeCommand({0x1122334455667788, 9}, "cli", command);
  ASSERT_EQ(CheckAndStamp(bytes, 1'700'000'000'000), absl::OkStatus());
  EXPECT_EQ(Hex(bytes),
            "01 "
            "01 00 "
            "00 68 e5 cf 8b 01 00 00 "
            "09 88 77 66 55 44 33 22 11 "
            "11 09 00 00 00 00 00 00 00 "
            "1a 03 63 6c 69 "
            "6a 1c "
            "0a 13 "
            "0a 0f 64 65 66 61 75 6c 74 2f 77 65 62 2f 69 2d 31 "
            "10 03 "
            "10 02 "
            "1a 03 62 79 65");
}

TEST(CommandCodecTest, RefusesHeadersThatItDoesNotKnow) {
  const std::string good = EncodeCommand({}, "", core::RevokeLease{LeaseId(7), {}});
  ExpectCode(absl::StatusCode::kOk, good);
  for (size_t size = 0; size < kEnvelopeHeaderSize; ++size) {
    ExpectCode(absl::StatusCode::kDataLoss, good.substr(0, size));
  }
  for (const auto& [at, value] : {std::pair(0, 0), {0, 2}, {0, 255}, {1, 0}, {1, 2}, {2, 1}}) {
    std::string bytes = good;
    bytes[static_cast<size_t>(at)] = static_cast<char>(value);
    ExpectCode(absl::StatusCode::kUnimplemented, bytes);
  }
}

TEST(CommandCodecTest, RefusesBodiesThatCoreCouldNotTake) {
  ExpectCode(absl::StatusCode::kDataLoss, Envelope({}));
  ExpectCode(absl::StatusCode::kDataLoss, Envelope({}) + "\xff");

  pb::CommandBody body;
  pb::Spec* spec = body.mutable_register_()->add_instances();
  for (const char* name : {"", "web", "default/web", "default//i", "a/b/c/d"}) {
    spec->set_name(name);
    ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
  }
  spec->set_name("default/web/i-1");
  ExpectCode(absl::StatusCode::kOk, Envelope(body));
  spec->add_endpoints()->set_port(65'535);
  ExpectCode(absl::StatusCode::kOk, Envelope(body));
  spec->mutable_endpoints(0)->set_port(65'536);
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
  spec->mutable_endpoints(0)->set_port(80);
  spec->add_labels()->set_key("b");
  spec->add_labels()->set_key("c");
  ExpectCode(absl::StatusCode::kOk, Envelope(body));
  spec->mutable_labels(1)->set_key("b");
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
  spec->mutable_labels(1)->set_key("a");
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
  spec->clear_labels();
  pb::LeaseClaim* lease = body.mutable_register_()->mutable_lease();
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
  lease->set_id(7);
  ExpectCode(absl::StatusCode::kOk, Envelope(body));
  lease->set_ttl_ms(-1);
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));

  body.mutable_set_health()->mutable_target()->set_name("default/web/i-1");
  body.mutable_set_health()->set_report(2);
  ExpectCode(absl::StatusCode::kOk, Envelope(body));
  body.mutable_set_health()->set_report(3);
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));

  body.mutable_update();
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
  body.mutable_deregister()->add_targets();
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
  body.mutable_remove_critical()->add_targets()->set_name("/");
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
  body.mutable_grant_lease();
  ExpectCode(absl::StatusCode::kDataLoss, Envelope(body));
}

// Registrations and instances go past the generated classes. Whatever bytes come, both must say the
// same.
TEST(CommandCodecTest, TheShortWayReadsAndWritesWhatTheGeneratedClassesDo) {
  google::protobuf::LogSilencer silence;
  // A new field belongs into PutSpec and ReadSpec, or AppendRegister and ReadRegister.
  EXPECT_EQ(pb::Spec::descriptor()->field_count(), 8);
  EXPECT_EQ(pb::Endpoint::descriptor()->field_count(), 4);
  EXPECT_EQ(pb::Label::descriptor()->field_count(), 2);
  EXPECT_EQ(pb::Register::descriptor()->field_count(), 2);
  EXPECT_EQ(pb::LeaseClaim::descriptor()->field_count(), 3);

  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  RandomCommand random(seed);
  core::Registry registry;
  int damaged_and_read = 0;
  for (int i = 0; i < 20'000; ++i) {
    const core::Command command = random.Next(registry);
    if (!std::holds_alternative<core::Register>(command)) continue;
    const core::Context context = random.NextContext();
    std::string bytes = EncodeCommand(context.request, context.actor, command);
    pb::CommandBody body;
    ASSERT_TRUE(body.ParseFromString(bytes.substr(kEnvelopeHeaderSize)));
    ASSERT_EQ(body.SerializeAsString(), bytes.substr(kEnvelopeHeaderSize));

    for (uint64_t n = random.Below(4); n-- > 0;) {
      const size_t at = kEnvelopeHeaderSize + random.Below(bytes.size() - kEnvelopeHeaderSize);
      bytes[at] = static_cast<char>(random.Below(256));
    }
    if (random.OneIn(4)) bytes.resize(bytes.size() - random.Below(8));
    const absl::StatusOr<DecodedCommand> decoded = DecodeCommand(bytes);
    if (!decoded.ok()) continue;
    pb::CommandBody damaged;
    ASSERT_TRUE(damaged.ParseFromString(bytes.substr(kEnvelopeHeaderSize)));
    if (!damaged.has_register_()) continue;
    ++damaged_and_read;
    damaged.DiscardUnknownFields();
    const std::string again = EncodeCommand(decoded->request, decoded->actor, decoded->command);
    ASSERT_EQ(Hex(again.substr(kEnvelopeHeaderSize)), Hex(damaged.SerializeAsString()));
  }
  EXPECT_GT(damaged_and_read, 100);
}

TEST(CommandCodecTest, RefusesTextThatIsNotUtf8) {
  google::protobuf::LogSilencer silence;  // protobuf writes a line for it
  std::string bytes = EncodeCommand({}, "actor", core::RevokeLease{LeaseId(7), {}});
  bytes[bytes.find("actor")] = '\xff';
  ExpectCode(absl::StatusCode::kDataLoss, bytes);
}

}  // namespace
}  // namespace registryd::wire
