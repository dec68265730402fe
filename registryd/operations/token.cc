#include "registryd/operations/token.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/core/grammar.h"

namespace registryd::operations {
namespace {

using Json = nlohmann::json;

// Of `sub`: it becomes part of an identity, of the audit log and of messages.
constexpr size_t kSubjectMax = 255;

absl::Status Wrong(std::string_view why) {
  return absl::UnauthenticatedError(Text("token: ", why));
}

absl::StatusOr<Json> Decode(std::string_view part, std::string_view what) {
  const auto bytes = DecodeBase64Url(part);
  if (!bytes) return Wrong(Text("its ", what, " is not Base64 for URLs"));
  // One meaning for every reader: a name that stands there twice is refused.
  bool twice = false;
  std::vector<std::vector<std::string>> names;
  Json json = Json::parse(
      *bytes,
      [&](int, Json::parse_event_t event, Json& value) {
        if (event == Json::parse_event_t::object_start) {
          names.emplace_back();
        } else if (event == Json::parse_event_t::object_end) {
          names.pop_back();
        } else if (event == Json::parse_event_t::key) {
          auto& seen = names.back();
          const auto& name = value.get_ref<const std::string&>();
          twice |= std::find(seen.begin(), seen.end(), name) != seen.end();
          seen.push_back(name);
        }
        return true;
      },
      false);
  if (json.is_discarded() || !json.is_object() || twice) {
    return Wrong(Text("its ", what, " is not a JSON object"));
  }
  return json;
}

std::optional<std::string> TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// Seconds since 1970 as milliseconds; absent: not there, or no such number.
std::optional<int64_t> TimeOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e12) return std::nullopt;
  return static_cast<int64_t>(seconds * 1e3);
}

bool IsFor(const Json& claims, const std::vector<std::string>& audiences) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  const auto known = [&](const Json& audience) {
    return audience.is_string() && std::find(audiences.begin(), audiences.end(),
                                             audience.get<std::string>()) != audiences.end();
  };
  if (found->is_array()) return std::any_of(found->begin(), found->end(), known);
  return known(*found);
}

}  // namespace

absl::StatusOr<TokenClaims> CheckToken(std::string_view token, const KeySet& keys,
                                       const TokenRules& rules, int64_t now_ms) {
  if (token.size() > kTokenSizeMax) {
    return Wrong(Text("larger than ", kTokenSizeMax, " bytes"));
  }
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Wrong("not three parts with dots between");
  }
  ASSIGN_OR_RETURN(const Json header, Decode(token.substr(0, first), "header"));
  const auto algorithm = ParseAlgorithm(TextOf(header, "alg").value_or(""));
  if (!algorithm) {
    return Wrong("its algorithm is none of RS256, ES256 and EdDSA");
  }
  if (header.contains("crit")) return Wrong("it has critical extensions, and none is known here");
  const auto signature = DecodeBase64Url(token.substr(second + 1));
  if (!signature) return Wrong("its signature is not Base64 for URLs");
  // The claims of a token whose signature is wrong are not looked at.
  RETURN_IF_ERROR(keys.Verify(*algorithm, TextOf(header, "kid").value_or(""),
                              token.substr(0, second), *signature));
  ASSIGN_OR_RETURN(const Json claims, Decode(token.substr(first + 1, second - first - 1), "body"));
  if (TextOf(claims, "iss") != rules.issuer) return Wrong("of another issuer");
  if (!IsFor(claims, rules.audiences)) return Wrong("for another audience");
  const auto expires = TimeOf(claims, "exp");
  if (!expires) return Wrong("it has no time of expiry (exp)");
  if (*expires + rules.skew_ms <= now_ms) {
    return Wrong(Text("it expired ", (now_ms - *expires) / 1000, " s ago"));
  }
  if (claims.contains("nbf")) {
    const auto begins = TimeOf(claims, "nbf");
    if (!begins || *begins - rules.skew_ms > now_ms) return Wrong("it is not valid yet (nbf)");
  }
  const auto subject = TextOf(claims, "sub");
  if (!subject || subject->empty() || subject->size() > kSubjectMax ||
      !core::IsPrintable(*subject)) {
    return Wrong(Text("its subject (sub) must be 1 to ", kSubjectMax, " printable characters"));
  }
  return TokenClaims{*subject, *expires + rules.skew_ms};
}

}  // namespace registryd::operations
