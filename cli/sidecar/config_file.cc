#include "cli/sidecar/config_file.h"

#include <toml++/toml.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/arguments.h"
#include "cli/sidecar/local_address.h"

namespace registry::cli {
namespace {

constexpr size_t kServicesMax = 1000;  // instances of one lease

// Reads the keys of one [[service]] and remembers which it has been asked for.
class Keys {
 public:
  Keys(const std::string& path, const toml::table& table) : path_(path), table_(table) {}

  template <class Value>
  void Read(const char* key, Value* out) {
    known_.insert(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr || !status_.ok()) return;
    if constexpr (std::is_same_v<Value, std::string>) {
      if (const auto value = node->value_exact<std::string>())
        *out = *value;
      else
        Bad(*node, key, "must be a text");
    } else {
      const auto value = node->value_exact<int64_t>();
      if (value && *value >= 1 && *value <= 65'535)
        *out = static_cast<Value>(*value);
      else
        Bad(*node, key, "must be a number from 1 to 65535");
    }
  }
  void ReadLabels(const char* key, std::map<std::string, std::string>* out) {
    known_.insert(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr || !status_.ok()) return;
    const toml::table* labels = node->as_table();
    if (labels == nullptr) return Bad(*node, key, "must be a table: { env = \"prod\" }");
    for (const auto& [name, value] : *labels) {
      const auto text = value.value_exact<std::string>();
      if (!text) return Bad(value, key, "every label must be a text");
      (*out)[std::string(name.str())] = *text;
    }
  }
  absl::Status Finish() {
    for (const auto& [name, node] : table_) {
      if (known_.count(std::string(name.str())) == 0) {
        Bad(node, std::string(name.str()), "unknown key");
      }
    }
    return status_;
  }
  absl::Status At(const absl::Status& status) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, " line ", table_.source().begin.line,
                                                   ": ", std::string(status.message())));
  }

 private:
  void Bad(const toml::node& node, const std::string& key, const char* why) {
    if (!status_.ok()) return;
    status_ = absl::InvalidArgumentError(
        absl::StrCat(path_, " line ", node.source().begin.line, ": ", key, ": ", why));
  }
  const std::string& path_;
  const toml::table& table_;
  std::set<std::string> known_;
  absl::Status status_;
};

absl::StatusOr<Service> ReadService(const std::string& path, const toml::table& table,
                                    const std::string& default_ns) {
  Keys keys(path, table);
  ServiceWords words;
  InstanceSpec rest;
  keys.Read("name", &words.name);
  keys.Read("id", &words.id);
  keys.Read("port", &words.port);
  keys.Read("advertise", &words.advertise);
  keys.Read("endpoint", &words.endpoint_name);
  keys.Read("protocol", &words.protocol);
  keys.Read("check", &words.check);
  keys.Read("interval", &words.interval);
  keys.Read("timeout", &words.timeout);
  keys.Read("passes", &words.passes);
  keys.Read("fails", &words.fails);
  keys.Read("version", &rest.version);
  keys.Read("region", &rest.region);
  keys.Read("zone", &rest.zone);
  keys.Read("weight", &rest.weight);
  keys.ReadLabels("labels", &rest.labels);
  if (const absl::Status read = keys.Finish(); !read.ok()) return read;
  auto service = MakeService(words, std::move(rest), default_ns);
  if (!service.ok()) return keys.At(service.status());
  return service;
}

}  // namespace

absl::StatusOr<Service> MakeService(const ServiceWords& words, InstanceSpec rest,
                                    const std::string& default_ns) {
  const auto bad = [](const char* what, const absl::Status& why) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": ", std::string(why.message())));
  };
  Service service{.instance = std::move(rest)};
  if (words.name.empty()) return absl::InvalidArgumentError("no service named");
  const auto name = ParseServiceName(words.name, default_ns);
  if (!name.ok()) return name.status();
  service.instance.ns = name->ns;
  service.instance.service = name->service;
  if (words.port == 0) return absl::InvalidArgumentError("no port given: 1 to 65535");
  Endpoint endpoint{.name = words.endpoint_name, .port = words.port, .protocol = words.protocol};
  if (!words.advertise.empty()) {
    const std::string& text = words.advertise;
    const bool bare =
        text.find(':') == std::string::npos || (text.front() == '[' && text.back() == ']');
    const auto parsed = ParseEndpoint(bare ? absl::StrCat(text, ":", words.port) : text);
    if (!parsed.ok()) return bad("advertise", parsed.status());
    endpoint.host = parsed->host;
    endpoint.port = parsed->port;
  }
  service.instance.id = words.id.empty() ? DefaultInstanceId(words.port) : words.id;
  service.instance.endpoints = {endpoint};

  const auto probe = probes::ParseProbe(words.check.empty() ? "tcp" : words.check,
                                        {.host = "localhost", .port = words.port});
  if (!probe.ok()) return bad("check", probe.status());
  const auto interval = ParsePositiveDuration(words.interval);
  if (!interval.ok()) return bad("interval", interval.status());
  const auto timeout = ParsePositiveDuration(words.timeout);
  if (!timeout.ok()) return bad("timeout", timeout.status());
  service.check = {
      .probe = *probe, .interval = *interval, .passes = words.passes, .fails = words.fails};
  service.check.probe.timeout = *timeout;
  if (const absl::Status valid = probes::ValidateProbe(service.check.probe); !valid.ok()) {
    return bad("timeout", valid);
  }
  return service;
}

absl::StatusOr<std::vector<Service>> ReadSidecarFile(const std::string& path,
                                                     const std::string& default_ns) {
  toml::table file;
  try {
    file = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, " line ", error.source().begin.line, ": ",
                                                   std::string(error.description())));
  }
  std::vector<Service> services;
  std::set<std::string> seen;
  for (const auto& [key, node] : file) {
    const toml::array* tables = node.as_array();
    if (key.str() != "service" || tables == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(path, " line ", node.source().begin.line,
                                                     ": unknown key ", std::string(key.str()),
                                                     ": write [[service]] for each service"));
    }
    for (const toml::node& entry : *tables) {
      const toml::table* table = entry.as_table();
      if (table == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(path, " line ", entry.source().begin.line,
                                                       ": write [[service]] for each service"));
      }
      auto service = ReadService(path, *table, default_ns);
      if (!service.ok()) return service.status();
      if (!seen.insert(service->key()).second) {
        return absl::InvalidArgumentError(absl::StrCat(path, " line ", table->source().begin.line,
                                                       ": ", service->key(),
                                                       " stands twice: give each an id"));
      }
      services.push_back(*std::move(service));
    }
  }
  if (services.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no [[service]] in it"));
  }
  if (services.size() > kServicesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", services.size(), " services, at most ", kServicesMax));
  }
  return services;
}

}  // namespace registry::cli
