#include "registryd/server/peer_names.h"

#include <algorithm>

#include "registryd/base/text.h"
#include "registryd/core/grammar.h"

namespace registryd::server {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::string_view kNode = "/node/";

}  // namespace

absl::Status CheckPeerName(const std::vector<std::string>& own,
                           const std::vector<std::string>& verified, const std::string& claimed) {
  std::string wanted = claimed;
  for (const std::string& uri : own) {
    const size_t at = uri.find(kNode);
    // The path begins behind the trust domain, so this is the first slash after the scheme.
    if (uri.rfind(kScheme, 0) == 0 && at == uri.find('/', kScheme.size())) {
      wanted = Text(uri.substr(0, at), kNode, claimed);
    }
  }
  if (!claimed.empty() && std::find(verified.begin(), verified.end(), wanted) != verified.end()) {
    return absl::OkStatus();
  }
  std::string names;
  for (const std::string& name : verified) {
    if (names.size() < 256) names += Text(names.empty() ? "" : ", ", core::Quoted(name));
  }
  return absl::PermissionDeniedError(Text("a peer says it is node ", core::Quoted(claimed),
                                          ", but its certificate is for ",
                                          names.empty() ? "nobody" : names, "; it must name ",
                                          wanted, " (registry-cli tls issue node)"));
}

}  // namespace registryd::server
