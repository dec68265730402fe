#include "cli/sidecar/local_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "registry/client.h"

namespace registry::cli {
namespace {

constexpr size_t kIdHostMax = 120;

// Connecting a datagram socket chooses the local address and sends nothing.
std::string SourceFor(const addrinfo& target) {
  const int fd = socket(target.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "";
  sockaddr_storage local{};
  socklen_t size = sizeof(local);
  char text[INET6_ADDRSTRLEN] = {};
  if (connect(fd, target.ai_addr, target.ai_addrlen) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0) {
    getnameinfo(reinterpret_cast<sockaddr*>(&local), size, text, sizeof(text), nullptr, 0,
                NI_NUMERICHOST);
  }
  close(fd);
  return text;
}

}  // namespace

absl::StatusOr<std::string> FacingAddress(const std::vector<std::string>& servers) {
  std::string why;
  for (const std::string& server : servers) {
    std::string host(absl::StripPrefix(server, kDnsScheme));
    const size_t colon = host.rfind(':');
    const std::string port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
      absl::StrAppend(&why, why.empty() ? "" : "; ", host, ": ", gai_strerror(error));
      continue;
    }
    std::string source;
    for (const addrinfo* entry = found; entry != nullptr && source.empty();
         entry = entry->ai_next) {
      source = SourceFor(*entry);
    }
    freeaddrinfo(found);
    if (!source.empty()) return source;
    absl::StrAppend(&why, why.empty() ? "" : "; ", host, ": no route");
  }
  return absl::UnavailableError(
      absl::StrCat("no address faces the registry (", why, "): name one with --advertise"));
}

std::string DefaultInstanceId(uint16_t port) {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0) name[0] = '\0';
  std::string id = std::string(name).substr(0, kIdHostMax);
  for (char& c : id) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_' && c != '-') {
      c = '-';
    }
  }
  if (id.empty() || std::isalnum(static_cast<unsigned char>(id.front())) == 0) id = "host" + id;
  return absl::StrCat(id, ":", port);
}

}  // namespace registry::cli
