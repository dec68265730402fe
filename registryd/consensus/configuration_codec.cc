#include "registryd/consensus/configuration_codec.h"

#include <memory>

#include "absl/status/status.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/raft_shim.h"
#include "registryd/consensus/shim_types.h"

namespace registryd::consensus {
namespace {

constexpr char kFormat = 1;

absl::Status CheckConfiguration(const Configuration& configuration) {
  if (configuration.empty()) return absl::InvalidArgumentError("a configuration needs a server");
  if (configuration.size() > kMaxServers) {
    return absl::InvalidArgumentError(
        Text("a configuration has at most ", kMaxServers, " servers"));
  }
  for (size_t i = 0; i < configuration.size(); ++i) {
    const Server& server = configuration[i];
    if (!server.id) return absl::InvalidArgumentError("a server needs an id other than 0");
    if (server.address.empty() || server.address.size() > kMaxAddressLength ||
        server.address.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError(
          Text("server ", server.id, " needs an address of 1 to ", kMaxAddressLength, " bytes"));
    }
    if (server.suffrage != Suffrage::kStandby && server.suffrage != Suffrage::kVoter &&
        server.suffrage != Suffrage::kSpare) {
      return absl::InvalidArgumentError(Text("server ", server.id, " has no such suffrage"));
    }
    for (size_t j = 0; j < i; ++j) {
      if (configuration[j].id == server.id || configuration[j].address == server.address) {
        return absl::InvalidArgumentError(
            Text("server ", server.id, " at ", server.address, " is there twice"));
      }
    }
  }
  return absl::OkStatus();
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool Byte(uint8_t* value) {
    if (rest_.empty()) return false;
    *value = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return true;
  }
  bool Number(uint64_t* value) {
    if (rest_.size() < 8) return false;
    *value = 0;
    for (size_t i = 8; i-- > 0;) *value = *value << 8 | static_cast<uint8_t>(rest_[i]);
    rest_.remove_prefix(8);
    return true;
  }
  bool String(std::string* value) {
    const size_t end = rest_.find('\0');
    if (end == std::string_view::npos) return false;
    *value = std::string(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool Padding() const { return rest_.size() < 8 && rest_.find_first_not_of('\0') == rest_.npos; }

 private:
  std::string_view rest_;
};

}  // namespace

absl::StatusOr<Payload> EncodeConfiguration(const Configuration& configuration) {
  RETURN_IF_ERROR(CheckConfiguration(configuration));
  const ShimConfiguration servers(configuration);
  const RaftShimConfiguration shim = servers.get();
  void* data = nullptr;
  size_t size = 0;
  const int rv = raft_shim_encode_configuration(&shim, &data, &size);
  REGISTRYD_CHECK(rv == 0, raft_shim_error_text(rv));
  auto payload = std::make_shared<const std::string>(static_cast<const char*>(data), size);
  raft_shim_free(data);
  return payload;
}

absl::StatusOr<Configuration> DecodeConfiguration(std::string_view bytes) {
  const absl::Status bad = absl::DataLossError("a configuration entry cannot be read");
  Reader reader(bytes);
  uint8_t format = 0;
  uint64_t count = 0;
  if (bytes.size() % 8 != 0 || !reader.Byte(&format) || format != kFormat ||
      !reader.Number(&count) || count > kMaxServers) {
    return bad;
  }
  Configuration configuration;
  for (uint64_t i = 0; i < count; ++i) {
    Server server;
    uint64_t id = 0;
    uint8_t role = 0;
    if (!reader.Number(&id) || !reader.String(&server.address) || !reader.Byte(&role)) return bad;
    server.id = NodeId(id);
    server.suffrage = static_cast<Suffrage>(role);
    configuration.push_back(std::move(server));
  }
  if (!reader.Padding() || !CheckConfiguration(configuration).ok()) return bad;
  return configuration;
}

}  // namespace registryd::consensus
