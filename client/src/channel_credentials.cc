#include "client/src/channel_credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace registry {
namespace {

constexpr unsigned kReadEverySeconds = 5;
constexpr size_t kTokenMax = 8 << 10;

// What tells one content of a file from another without reading it.
struct Stamp {
  ino_t inode = 0;
  off_t size = -1;
  timespec modified = {};
  bool operator==(const Stamp& other) const {
    return inode == other.inode && size == other.size && modified.tv_sec == other.modified.tv_sec &&
           modified.tv_nsec == other.modified.tv_nsec;
  }
};

class TokenFile final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  // One stat for a call; the file is read when that shows another one.
  bool IsBlocking() const override { return false; }
  const char* GetType() const override { return "registry-token-file"; }
  grpc::string DebugString() override { return absl::StrCat("token file ", path_); }

  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<grpc::string, grpc::string>* metadata) override {
    std::lock_guard<std::mutex> lock(mutex_);
    struct stat info {};
    const char* why = "";
    if (stat(path_.c_str(), &info) != 0) {
      why = "cannot be read";
    } else if (const Stamp stamp{info.st_ino, info.st_size, info.st_mtim}; !(stamp == stamp_)) {
      std::ifstream file(path_);
      std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      absl::StripAsciiWhitespace(&text);
      if (text.empty() || text.size() > kTokenMax) {
        why = "has no token in it";
      } else {
        token_ = absl::StrCat("Bearer ", text);
        stamp_ = stamp;
      }
    }
    // A file that is being replaced, or gone: the last token is still the best there is.
    if (token_.empty()) {
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                          absl::StrCat("token file ", path_, " ", why));
    }
    metadata->emplace("authorization", token_);
    return grpc::Status::OK;
  }

 private:
  const std::string path_;
  std::mutex mutex_;
  Stamp stamp_;
  std::string token_;
};

absl::Status Readable(const char* option, const std::string& path) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", path, " cannot be read"));
}

}  // namespace

absl::Status CheckCredentials(const ClientOptions& options) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("tls_cert and tls_key go together");
  }
  if (options.tls_ca.empty() && !(options.tls_cert.empty() && options.token_file.empty())) {
    return absl::InvalidArgumentError(
        "tls_cert and token_file need tls_ca: neither is shown to a server that nobody vouches "
        "for");
  }
  for (const auto& [option, path] :
       {std::pair<const char*, const std::string&>{"tls_ca", options.tls_ca},
        {"tls_cert", options.tls_cert},
        {"tls_key", options.tls_key},
        {"token_file", options.token_file}}) {
    if (absl::Status status = Readable(option, path); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const ClientOptions& options) {
  namespace tls = grpc::experimental;
  if (options.tls_ca.empty()) return grpc::InsecureChannelCredentials();
  tls::TlsChannelCredentialsOptions with;
  if (options.tls_cert.empty()) {
    with.set_certificate_provider(
        std::make_shared<tls::FileWatcherCertificateProvider>(options.tls_ca, kReadEverySeconds));
  } else {
    with.set_certificate_provider(std::make_shared<tls::FileWatcherCertificateProvider>(
        options.tls_key, options.tls_cert, options.tls_ca, kReadEverySeconds));
    with.watch_identity_key_cert_pairs();
  }
  with.watch_root_certs();
  std::shared_ptr<grpc::ChannelCredentials> channel = tls::TlsCredentials(with);
  if (options.token_file.empty()) return channel;
  return grpc::CompositeChannelCredentials(
      channel,
      grpc::MetadataCredentialsFromPlugin(std::make_unique<TokenFile>(options.token_file)));
}

}  // namespace registry
