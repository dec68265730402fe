// The floor: a gRPC server of the same build and the same API style (raw callback methods) that
// does nothing and answers with as many bytes as registryd does. What registryd needs beyond it is
// registryd's own cost.
//
//   do_nothing_server READY_FILE lookup=1234 register=56 keepalive=12 watch=180
//
// Watch holds its streams; each Deregister call writes one message to all of them.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "registry/v1/discovery.grpc.pb.h"
#include "registry/v1/lease.grpc.pb.h"
#include "registry/v1/registration.grpc.pb.h"

namespace registryd::bench {
namespace {

using Bytes = grpc::ByteBuffer;
using BidiReactor = grpc::ServerBidiReactor<Bytes, Bytes>;

Bytes Filled(size_t size, const std::string& head = {}) {
  std::string text = head;
  text.resize(std::max(size, head.size()), '\0');
  const grpc::Slice slice(text);
  return Bytes(&slice, 1);
}

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const Bytes& fixed,
                                 Bytes* response) {
  *response = fixed;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

// One fixed frame for each frame that comes.
class EchoStream final : public BidiReactor {
 public:
  explicit EchoStream(const Bytes& fixed) : fixed_(fixed) { StartRead(&request_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    response_ = fixed_;
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (ok) StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  const Bytes fixed_;
  Bytes request_;
  Bytes response_;
};

class HeldStream;
std::mutex held_mutex;
std::vector<HeldStream*> held_streams;

// Waits; writes a message for each of its subscriptions when told. The bench tells again only when
// all have received the last ones.
class HeldStream final : public BidiReactor {
 public:
  explicit HeldStream(const Bytes& fixed) : fixed_(fixed) {
    {
      std::lock_guard lock(held_mutex);
      held_streams.push_back(this);
    }
    StartRead(&request_);
  }
  void Tell() { Write(subscriptions_); }
  void OnReadDone(bool ok) override {
    if (ok) {
      ++subscriptions_;
      Write(1);  // the snapshot
      return StartRead(&request_);
    }
    {
      std::lock_guard lock(held_mutex);
      std::erase(held_streams, this);
    }
    Finish(grpc::Status::OK);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return;
    {
      std::lock_guard lock(mutex_);
      if (--to_write_ == 0) return;
    }
    response_ = fixed_;
    StartWrite(&response_);
  }
  void OnDone() override { delete this; }

 private:
  void Write(int messages) {
    {
      std::lock_guard lock(mutex_);
      to_write_ += messages;
      if (to_write_ != messages) return;  // OnWriteDone goes on
    }
    response_ = fixed_;
    StartWrite(&response_);
  }

  const Bytes fixed_;
  std::mutex mutex_;
  int to_write_ = 0;
  std::atomic<int> subscriptions_{0};
  Bytes request_;
  Bytes response_;
};

using DiscoveryBase = registry::v1::Discovery::WithRawCallbackMethod_Lookup<
    registry::v1::Discovery::WithRawCallbackMethod_Watch<registry::v1::Discovery::Service>>;
class DoNothingDiscovery final : public DiscoveryBase {
 public:
  DoNothingDiscovery(size_t lookup, size_t watch)
      : lookup_(Filled(lookup)), watch_(Filled(watch, "\x08\x01\x1a")) {}
  grpc::ServerUnaryReactor* Lookup(grpc::CallbackServerContext* context, const Bytes*,
                                   Bytes* response) override {
    return Answer(context, lookup_, response);
  }
  BidiReactor* Watch(grpc::CallbackServerContext*) override { return new HeldStream(watch_); }

 private:
  const Bytes lookup_;
  const Bytes watch_;
};

using RegistrationBase = registry::v1::Registration::WithRawCallbackMethod_Register<
    registry::v1::Registration::WithRawCallbackMethod_Update<registry::v1::Registration::Service>>;
class DoNothingRegistration final : public RegistrationBase {
 public:
  explicit DoNothingRegistration(size_t size) : fixed_(Filled(size)) {}
  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context, const Bytes*,
                                     Bytes* response) override {
    return Answer(context, fixed_, response);
  }
  grpc::ServerUnaryReactor* Update(grpc::CallbackServerContext* context, const Bytes*,
                                   Bytes* response) override {
    std::vector<HeldStream*> streams;
    {
      std::lock_guard lock(held_mutex);
      streams = held_streams;
    }
    for (HeldStream* stream : streams) stream->Tell();
    return Answer(context, fixed_, response);
  }

 private:
  const Bytes fixed_;
};

class DoNothingLease final
    : public registry::v1::Lease::WithRawCallbackMethod_KeepAlive<registry::v1::Lease::Service> {
 public:
  explicit DoNothingLease(size_t size) : fixed_(Filled(size)) {}
  BidiReactor* KeepAlive(grpc::CallbackServerContext*) override { return new EchoStream(fixed_); }

 private:
  const Bytes fixed_;
};

int Run(int argc, char** argv) {
  std::map<std::string, size_t> sizes;
  for (int i = 2; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return 2;
    sizes[text.substr(0, equals)] = std::stoul(text.substr(equals + 1));
  }
  // As registryd does.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  DoNothingDiscovery discovery(sizes["lookup"], sizes["watch"]);
  DoNothingRegistration registration(sizes["register"]);
  DoNothingLease lease(sizes["keepalive"]);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&discovery);
  builder.RegisterService(&registration);
  builder.RegisterService(&lease);
  auto server = builder.BuildAndStart();
  const std::string draft = std::string(argv[1]) + ".draft";
  std::ofstream(draft) << "api=127.0.0.1:" << port << "\n";
  if (std::rename(draft.c_str(), argv[1]) != 0) return 1;
  int signal_number = 0;
  sigwait(&stop, &signal_number);
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

}  // namespace
}  // namespace registryd::bench

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return registryd::bench::Run(argc, argv);
}
