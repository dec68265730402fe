#include "registry/grpc/service_channels.h"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace registry {
namespace {

// Channels beyond the view's instances, before those of absent ones are looked for.
constexpr size_t kSpare = 16;

// "host:port"; empty: there is no such endpoint.
std::string AddressOf(const Instance& instance, const std::string& endpoint) {
  for (const Endpoint& one : instance.spec.endpoints) {
    if (!endpoint.empty() && one.name != endpoint) continue;
    const bool brackets = one.host.find(':') != std::string::npos;
    return absl::StrCat(brackets ? "[" : "", one.host, brackets ? "]" : "", ":", one.port);
  }
  return {};
}

gpr_timespec DeadlineIn(absl::Duration left) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(absl::ToInt64Milliseconds(left), GPR_TIMESPAN));
}

}  // namespace

ServiceChannels::ServiceChannels(const Subscription& subscription,
                                 const ServiceChannelsOptions& options)
    : subscription_(subscription), options_(options), caller_(subscription, options.calls) {}

size_t ServiceChannels::channels() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

grpc::Status ServiceChannels::CallStub(
    const NewStub& new_stub, const char* service,
    const std::function<grpc::Status(void*, grpc::ClientContext*)>& function,
    const PickRequest& request) {
  grpc::Status answered;
  bool tried = false;
  const absl::Status status = caller_.Call(
      [&](const Instance& instance) -> absl::Status {
        const std::shared_ptr<void> stub = StubFor(instance, new_stub, service);
        tried = stub != nullptr;
        if (stub == nullptr) {
          return absl::NotFoundError(absl::StrCat("instance ", instance.spec.id,
                                                  " has no endpoint named ", options_.endpoint));
        }
        grpc::ClientContext context;
        context.set_deadline(DeadlineIn(options_.timeout));
        answered = function(stub.get(), &context);
        return absl::Status(static_cast<absl::StatusCode>(answered.error_code()),
                            answered.error_message());
      },
      request);
  // The last try's own status has details that ours has not.
  if (tried && static_cast<int>(status.code()) == answered.error_code()) return answered;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

std::shared_ptr<void> ServiceChannels::StubFor(const Instance& instance, const NewStub& new_stub,
                                               const char* service) {
  const std::string address = AddressOf(instance, options_.endpoint);
  if (address.empty()) return nullptr;
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[address];
  if (entry.channel == nullptr) {
    entry.channel = grpc::CreateChannel(
        address, options_.credentials ? options_.credentials : grpc::InsecureChannelCredentials());
  }
  std::shared_ptr<void>& stub = entry.stubs[service];
  if (stub == nullptr) stub = new_stub(entry.channel);
  std::shared_ptr<void> held = stub;
  if (entries_.size() > subscription_.view()->instances.size() + kSpare) DropAbsent();
  return held;
}

void ServiceChannels::DropAbsent() {
  std::set<std::string> present;
  for (const InstancePtr& instance : subscription_.view()->instances) {
    present.insert(AddressOf(*instance, options_.endpoint));
  }
  std::erase_if(entries_, [&](const auto& entry) { return !present.contains(entry.first); });
}

}  // namespace registry
