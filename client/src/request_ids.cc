#include "client/src/request_ids.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace registry {
namespace {

std::mt19937_64 Seeded() {
  std::random_device device;
  std::array<uint32_t, 8> words;
  for (uint32_t& word : words) word = device();
  std::seed_seq seed(words.begin(), words.end());
  return std::mt19937_64(seed);
}

}  // namespace

RequestIds::RequestIds() : random_(Seeded()), client_id_(Random()) {}

v1::RequestId RequestIds::Next() {
  v1::RequestId id;
  id.set_client_id(client_id_);
  id.set_sequence(sequence_.fetch_add(1, std::memory_order_relaxed) + 1);
  return id;
}

uint64_t RequestIds::Random() {
  std::lock_guard lock(mutex_);
  uint64_t value = 0;
  while (value == 0) value = random_();
  return value;
}

std::string RequestIds::ClientId() const {
  return absl::StrCat(absl::Hex(client_id_, absl::kZeroPad16));
}

std::string RequestIds::InstanceId() {
  return absl::StrCat("i-", absl::Hex(Random(), absl::kZeroPad16));
}

}  // namespace registry
