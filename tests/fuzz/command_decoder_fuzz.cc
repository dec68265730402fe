// Foreign bytes into the command decoder. Whatever is accepted must come back the same from a
// second round, and the state machine must survive it.
//
// libFuzzer calls the function below; tests/unit/wire/command_decoder_fuzz_test.cc calls it with
// mutated commands.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "registryd/base/check.h"
#include "registryd/core/registry.h"
#include "registryd/core/validate.h"
#include "registryd/wire/command_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace registryd;  // NOLINT(google-build-using-namespace)
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<wire::DecodedCommand> decoded = wire::DecodeCommand(bytes);
  REGISTRYD_CHECK(wire::CheckAndStamp(bytes, 5).code() == decoded.status().code(),
                  "the leader and the replicas disagree");
  if (!decoded.ok()) return 0;

  const std::string again = wire::EncodeCommand(decoded->request, decoded->actor, decoded->command);
  const absl::StatusOr<wire::DecodedCommand> second = wire::DecodeCommand(again);
  REGISTRYD_CHECK(second.ok() && second->command == decoded->command &&
                      second->request == decoded->request && second->actor == decoded->actor,
                  "an accepted command does not come back");

  core::ValidateCommand(decoded->command).IgnoreError();
  core::Registry registry;
  const core::Context context{decoded->time_ms, Term(1), {}, decoded->actor};
  for (int i = 0; i < 2; ++i) registry.Apply(context, decoded->command);
  uint64_t digest = 0;
  registry.ForEachInstance(
      [&](const core::InstancePtr& instance) { digest += core::InstanceDigest(*instance); });
  REGISTRYD_CHECK(digest == registry.counters().digest, "the digest went wrong");
  return 0;
}
