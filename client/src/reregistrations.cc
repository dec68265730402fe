#include "client/src/reregistrations.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/local/backoff.h"
#include "client/local/convert.h"
#include "client/src/completion.h"
#include "client/src/grpc_deadline.h"

namespace registry {
namespace {

constexpr size_t kCallsMost = 32;
constexpr Millis kBackoffFirst(100);
constexpr Millis kBackoffMost(2'000);

}  // namespace

struct Reregistrations::Task {
  EntryPtr entry;
  v1::RegisterRequest request;
  size_t server;
  size_t failures = 0;
  Backoff backoff{kBackoffFirst, kBackoffMost, std::random_device()()};
  absl::StatusCode refused = absl::StatusCode::kOk;  // what was last told to the application
  Attempt* call = nullptr;
};

class Reregistrations::Attempt : public Completion {
 public:
  Attempt(Reregistrations* owner, Task* owned, const Server& server, Clock::duration timeout)
      : owner_(owner), task(owned), address(server.address), asked_at(Clock::now()) {
    context_.set_deadline(GrpcDeadline(timeout));
    reader_ = server.registration->AsyncRegister(&context_, task->request, owner->queue_);
    reader_->Finish(&response, &status, this);
  }

  void Complete(bool /*ok*/) override { owner_->Done(this); }

  void Abandon() {
    task = nullptr;
    context_.TryCancel();
  }

 private:
  Reregistrations* owner_;

 public:
  Task* task;  // null once abandoned
  const std::string address;
  const TimePoint asked_at;
  v1::RegisterResponse response;
  grpc::Status status;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::RegisterResponse>> reader_;
};

Reregistrations::Reregistrations(ServerSet* servers, RequestIds* ids, grpc::CompletionQueue* queue,
                                 Clock::duration call_timeout,
                                 std::function<void(EntryPtr)> on_registered)
    : servers_(servers),
      ids_(ids),
      queue_(queue),
      call_timeout_(call_timeout),
      on_registered_(std::move(on_registered)) {}

Reregistrations::~Reregistrations() = default;

void Reregistrations::Add(EntryPtr entry, TimePoint now) {
  auto task = std::make_unique<Task>();
  task->request = entry->Request(*ids_);
  task->server = servers_->preferred();
  task->entry = std::move(entry);
  Schedule(task.get(), now);
  RenewalEntry* key = task->entry.get();
  tasks_[key] = std::move(task);
}

void Reregistrations::Remove(const EntryPtr& entry) {
  const auto found = tasks_.find(entry.get());
  if (found == tasks_.end()) return;
  Task* task = found->second.get();
  if (task->call != nullptr) task->call->Abandon();
  for (auto it = due_.begin(); it != due_.end();) {
    it = it->second == task ? due_.erase(it) : std::next(it);
  }
  tasks_.erase(found);
}

void Reregistrations::Tick(TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= now && calls_.size() < kCallsMost) {
    Task* task = due_.begin()->second;
    due_.erase(due_.begin());
    Begin(task);
  }
}

TimePoint Reregistrations::NextTimer() const {
  // With all calls under way the next completion comes first.
  if (due_.empty() || calls_.size() >= kCallsMost) return TimePoint::max();
  return due_.begin()->first;
}

void Reregistrations::Stop() {
  due_.clear();
  for (const auto& call : calls_) call->Abandon();
  tasks_.clear();
}

void Reregistrations::Begin(Task* task) {
  const auto timeout = servers_->size() > 1 ? call_timeout_ / 2 : call_timeout_;
  calls_.push_back(std::make_unique<Attempt>(this, task, servers_->at(task->server), timeout));
  task->call = calls_.back().get();
}

void Reregistrations::Done(Attempt* attempt) {
  const auto found = std::find_if(calls_.begin(), calls_.end(),
                                  [&](const auto& call) { return call.get() == attempt; });
  const std::unique_ptr<Attempt> call = std::move(*found);
  calls_.erase(found);
  Task* task = call->task;
  if (task == nullptr) return;
  task->call = nullptr;
  absl::Status status = ToStatus(call->status);
  if (status.ok()) {
    auto result = ToResult(task->request, call->response);
    if (result.ok()) {
      Registered(task, *result, call->asked_at);
      return;
    }
    status = result.status();
  }
  Failed(task, absl::Status(status.code(), absl::StrCat(call->address, ": ", status.message())));
}

void Reregistrations::Registered(Task* task, const RegisterResult& result, TimePoint asked_at) {
  const EntryPtr entry = task->entry;
  servers_->Prefer(task->server);
  tasks_.erase(entry.get());
  entry->Granted(result, asked_at);
  entry->SetReachable(true, absl::OkStatus());
  on_registered_(entry);
  entry->Notify(RegistrationEvent::Kind::kRegistered, absl::OkStatus());
}

void Reregistrations::Failed(Task* task, const absl::Status& status) {
  task->server = servers_->After(task->server);
  ++task->failures;
  Schedule(task, Clock::now() + task->backoff.Next());
  const bool silent = status.code() == absl::StatusCode::kDeadlineExceeded;
  if (silent || IsTransient(status.code())) {
    if (task->failures >= servers_->size()) task->entry->SetReachable(false, status);
  } else if (task->refused != status.code()) {
    task->refused = status.code();
    task->entry->Notify(RegistrationEvent::Kind::kRefused, status);
  }
}

void Reregistrations::Schedule(Task* task, TimePoint at) { due_.emplace(at, task); }

}  // namespace registry
