#include "registryd/server/security.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/base/metrics.h"
#include "registryd/base/mutex.h"
#include "registryd/base/text.h"
#include "registryd/operations/audit_log.h"
#include "registryd/operations/certificate_file.h"
#include "registryd/server/peer_names.h"
#include "registryd/server/policy_file.h"

namespace registryd::server {
namespace {

constexpr int64_t kLookEveryMs = 1'000;
constexpr int64_t kWeekMs = 7LL * 24 * 3'600 * 1'000;
constexpr int64_t kWarnEveryMs = 3'600 * 1'000;
constexpr std::streamsize kFileMax = 32 << 20;

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  if (size < 0) return absl::InvalidArgumentError(Text(path, ": cannot be read"));
  if (size > kFileMax) {
    return absl::InvalidArgumentError(Text(path, ": larger than ", kFileMax, " bytes"));
  }
  std::string text(static_cast<size_t>(size), '\0');
  file.seekg(0);
  file.read(text.data(), size);
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

// A file that is used as long as it is good.
struct WatchedFile {
  std::string path;
  std::function<absl::Status(const std::string& text)> use;
  std::optional<std::string> text = {};  // that is in use
  bool bad = false;
};

}  // namespace

struct Security::Impl {
  Impl(const SecurityConfig& given, bool unprotected, const Clock* with)
      : config(given),
        insecure(unprotected),
        clock(with),
        authenticator({.tokens = {.issuer = given.auth_issuer, .audiences = given.auth_audiences},
                       .calls = Rate(given.calls_per_second),
                       .renewals = Rate(given.renewals_per_second)},
                      with) {}

  static operations::RateLimiter::Rate Rate(double per_second) {
    return {per_second, std::max(1.0, 2 * per_second)};
  }
  absl::Status Open();
  absl::Status Load(WatchedFile& file);
  void Look();
  void LookAtCertificate();
  void RepeatInsecure();
  void Run();

  const SecurityConfig config;
  const bool insecure;
  const Clock* const clock;
  std::unique_ptr<operations::AuditLog> audit;
  std::unique_ptr<operations::PolicyAccess> access;
  operations::Authenticator authenticator;
  std::vector<WatchedFile> files;  // the security thread's, once it runs
  int64_t warned_ms = 0;
  bool warned_expired = false;
  int64_t said_insecure_ms = 0;

  Mutex mutex;
  CondVar changed;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  bool look_now ABSL_GUARDED_BY(mutex) = false;
  std::thread thread;
};

absl::Status Security::Impl::Open() {
  if (!config.audit_log.empty()) {
    ASSIGN_OR_RETURN(audit, operations::AuditLog::Open({.path = config.audit_log,
                                                        .bytes_max = config.audit_log_bytes,
                                                        .files = config.audit_log_files},
                                                       clock));
  }
  access = std::make_unique<operations::PolicyAccess>(
      operations::PolicyAccess::Parts{.clock = clock, .audit = audit.get()});
  if (!config.auth_policy.empty()) {
    files.push_back({config.auth_policy, [this](const std::string& text) -> absl::Status {
                       ASSIGN_OR_RETURN(auto policy, ParsePolicy(text, config.auth_policy));
                       log::Info("policy", {{"file", config.auth_policy},
                                            {"roles", policy.roles()},
                                            {"identities", policy.identities()}});
                       access->SetPolicy(
                           std::make_shared<const operations::Policy>(std::move(policy)));
                       return absl::OkStatus();
                     }});
  }
  if (!config.auth_jwks.empty()) {
    files.push_back(
        {config.auth_jwks, [this](const std::string& text) -> absl::Status {
           auto keys = operations::KeySet::Parse(text);
           if (!keys.ok()) {
             return absl::Status(keys.status().code(), Text(config.auth_jwks, ": ",
                                                            std::string(keys.status().message())));
           }
           log::Info("token keys", {{"file", config.auth_jwks}, {"keys", keys->size()}});
           authenticator.SetKeys(std::make_shared<const operations::KeySet>(*std::move(keys)));
           return absl::OkStatus();
         }});
  }
  for (WatchedFile& file : files) RETURN_IF_ERROR(Load(file));
  if (config.tls()) {
    RETURN_IF_ERROR(operations::CheckKeyPair(config.tls_cert, config.tls_key));
    if (!config.tls_ca.empty()) {
      RETURN_IF_ERROR(operations::InspectCertificate(config.tls_ca).status());
    }
    LookAtCertificate();
  }
  RepeatInsecure();
  thread = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Status Security::Impl::Load(WatchedFile& file) {
  ASSIGN_OR_RETURN(std::string text, ReadWhole(file.path));
  if (text == file.text) return absl::OkStatus();
  RETURN_IF_ERROR(file.use(text));
  file.text = std::move(text);
  return absl::OkStatus();
}

void Security::Impl::Look() {
  for (WatchedFile& file : files) {
    const absl::Status loaded = Load(file);
    if (!loaded.ok() && !file.bad) {
      log::Error("a file is wrong; what was in it before stays in force",
                 {{"file", file.path}, {"error", std::string(loaded.message())}});
    }
    file.bad = !loaded.ok();
    metrics::GetGauge("registryd_security_file_bad",
                      "1 while the file is wrong and an older one is in force.",
                      {{"file", file.path}})
        .Set(file.bad ? 1 : 0);
  }
  if (config.tls()) LookAtCertificate();
  RepeatInsecure();
}

void Security::Impl::RepeatInsecure() {
  const int64_t now_ms = clock->MonotonicMs();
  if (!insecure || (said_insecure_ms != 0 && now_ms - said_insecure_ms < kWarnEveryMs)) return;
  said_insecure_ms = now_ms;
  log::Warning(
      "--insecure: whoever reaches this node may do everything, and can read and change "
      "what is said to it, unless TLS and a policy are configured all the same",
      {{"tls", config.tls()}, {"policy", config.authenticates()}});
}

void Security::Impl::LookAtCertificate() {
  const auto facts = operations::InspectCertificate(config.tls_cert);
  if (!facts.ok()) return;  // half written; gRPC keeps the one before
  const int64_t now_ms = clock->WallMs();
  const int64_t left_ms = facts->not_after_ms - now_ms;
  metrics::GetGauge("registryd_certificate_expires_seconds",
                    "Time until this node's certificate expires; negative: it has.")
      .Set(static_cast<double>(left_ms) / 1e3);
  const int64_t warn_ms = std::min(kWeekMs, (facts->not_after_ms - facts->not_before_ms) / 5);
  if (left_ms > warn_ms) return;
  const int64_t monotonic_ms = clock->MonotonicMs();
  const bool expired = left_ms <= 0;
  if (warned_ms != 0 && expired == warned_expired && monotonic_ms - warned_ms < kWarnEveryMs)
    return;
  warned_ms = monotonic_ms;
  warned_expired = expired;
  log::Warning(expired ? "the certificate has expired" : "the certificate expires soon",
               {{"file", config.tls_cert}, {"seconds_left", left_ms / 1000}});
}

void Security::Impl::Run() {
  for (;;) {
    {
      MutexLock lock(mutex);
      if (!stopping && !look_now) changed.WaitFor(mutex, kLookEveryMs);
      if (stopping) return;
      look_now = false;
    }
    Look();
  }
}

Security::Security(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Security::~Security() {
  {
    MutexLock lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.NotifyAll();
  if (impl_->thread.joinable()) impl_->thread.join();
}

absl::StatusOr<std::unique_ptr<Security>> Security::Start(const SecurityConfig& config,
                                                          bool insecure, const Clock* clock) {
  auto impl = std::make_unique<Impl>(config, insecure, clock);
  RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<Security>(new Security(std::move(impl)));
}

operations::PolicyAccess* Security::access() { return impl_->access.get(); }
operations::Authenticator* Security::authenticator() { return &impl_->authenticator; }

api::TlsFiles Security::tls_files() const {
  const SecurityConfig& config = impl_->config;
  return {config.tls_cert, config.tls_key, config.tls_ca, config.tls_crl_dir};
}

consensus::PeerSecurity Security::peer_security() const {
  const api::TlsFiles files = tls_files();
  if (!files.enabled() || files.ca.empty()) return {};
  return {.server = api::ServerTls(files, true),
          .client = api::PeerClientTls(files),
          // Read anew for each connection, as the certificate is: it may have been replaced.
          .verify = [cert = files.cert](const std::vector<std::string>& verified,
                                        const std::string& claimed) -> absl::Status {
            ASSIGN_OR_RETURN(const operations::CertificateFacts own,
                             operations::InspectCertificate(cert));
            return CheckPeerName(own.uris, verified, claimed);
          }};
}

void Security::Reload() {
  {
    MutexLock lock(impl_->mutex);
    impl_->look_now = true;
  }
  impl_->changed.NotifyAll();
}

}  // namespace registryd::server
