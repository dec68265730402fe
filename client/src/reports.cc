#include "client/src/reports.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/local/backoff.h"
#include "client/src/completion.h"
#include "client/src/grpc_deadline.h"

namespace registry {
namespace {

constexpr Millis kBackoffFirst(100);
constexpr Millis kBackoffMost(2'000);

}  // namespace

struct Reports::Task {
  EntryPtr entry;
  size_t server = 0;
  size_t index = 0;  // instances before it know of `health_version`
  uint64_t health_version = 0;
  Backoff backoff{kBackoffFirst, kBackoffMost, std::random_device()()};
  TimePoint at{};
  Attempt* call = nullptr;
};

class Reports::Attempt : public Completion {
 public:
  Attempt(Reports* owner, Task* owned, RenewalEntry::Report said, const Server& server)
      : task(owned), report(std::move(said)), address(server.address), owner_(owner) {
    context_.set_deadline(GrpcDeadline(owner->call_timeout_));
    if (report.content_version != 0) {
      content_ = server.registration->AsyncRegister(&context_, report.content, owner->queue_);
      content_->Finish(&registered_, &status, this);
    } else {
      health_ = server.registration->AsyncSetHealth(&context_, report.health, owner->queue_);
      health_->Finish(&set_, &status, this);
    }
  }

  void Complete(bool /*ok*/) override { owner_->Done(this); }

  void Abandon() {
    task = nullptr;
    context_.TryCancel();
  }

  Task* task;  // null once abandoned
  const RenewalEntry::Report report;
  const std::string address;
  grpc::Status status;

 private:
  Reports* const owner_;
  v1::RegisterResponse registered_;
  v1::SetHealthResponse set_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::RegisterResponse>> content_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::SetHealthResponse>> health_;
};

Reports::Reports(ServerSet* servers, RequestIds* ids, grpc::CompletionQueue* queue,
                 Clock::duration call_timeout)
    : servers_(servers), ids_(ids), queue_(queue), call_timeout_(call_timeout) {}

Reports::~Reports() = default;

void Reports::Add(EntryPtr entry, TimePoint now) {
  std::unique_ptr<Task>& task = tasks_[entry.get()];
  if (task != nullptr) return;  // it finds by itself that there is more to say
  task = std::make_unique<Task>();
  task->entry = std::move(entry);
  task->server = servers_->preferred();
  task->at = now;
}

void Reports::Remove(const EntryPtr& entry) {
  const auto found = tasks_.find(entry.get());
  if (found == tasks_.end()) return;
  if (found->second->call != nullptr) found->second->call->Abandon();
  tasks_.erase(found);
}

void Reports::Tick(TimePoint now) {
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    Task* task = (it++)->second.get();  // Begin may end it
    if (task->call == nullptr && now >= task->at) Begin(task);
  }
}

TimePoint Reports::NextTimer() const {
  TimePoint next = TimePoint::max();
  for (const auto& [entry, task] : tasks_) {
    if (task->call == nullptr) next = std::min(next, task->at);
  }
  return next;
}

void Reports::Stop() {
  for (const auto& call : calls_) call->Abandon();
  tasks_.clear();
}

void Reports::Begin(Task* task) {
  RenewalEntry& entry = *task->entry;
  if (task->health_version != entry.health_version()) {
    task->health_version = entry.health_version();
    task->index = 0;
  }
  RenewalEntry::Report report = entry.NextReport(*ids_, task->index);
  if (report.content_version == 0 && report.health_version == 0) {
    if (task->index >= entry.size()) entry.HealthTold(task->health_version);
    if (!entry.untold()) {
      tasks_.erase(&entry);
      return;
    }
    task->index = 0;  // it has been registered anew meanwhile
    report = entry.NextReport(*ids_, 0);
    if (report.content_version == 0 && report.health_version == 0) {
      tasks_.erase(&entry);
      return;
    }
  }
  calls_.push_back(
      std::make_unique<Attempt>(this, task, std::move(report), servers_->at(task->server)));
  task->call = calls_.back().get();
}

void Reports::Done(Attempt* attempt) {
  const auto found = std::find_if(calls_.begin(), calls_.end(),
                                  [&](const auto& call) { return call.get() == attempt; });
  const std::unique_ptr<Attempt> call = std::move(*found);
  calls_.erase(found);
  Task* task = call->task;
  if (task == nullptr) return;
  task->call = nullptr;
  const EntryPtr entry = task->entry;
  const absl::Status status = ToStatus(call->status);
  if (status.ok()) {
    task->backoff.Reset();
    task->at = TimePoint{};
    if (call->report.content_version != 0) {
      entry->ContentTold(call->report.content_version);
    } else {
      ++task->index;
      // What was said meanwhile may have arrived before this one: it is told again.
      if (call->report.health_version != entry->health_version()) entry->HealthTold(0);
    }
    return;
  }
  if (IsTransient(status.code()) || status.code() == absl::StatusCode::kDeadlineExceeded) {
    task->server = servers_->After(task->server);
    task->at = Clock::now() + task->backoff.Next();
    return;
  }
  // Of a lost lease the renewals hear, and it is told after the next registration.
  tasks_.erase(entry.get());
  if (absl::IsNotFound(status) || absl::IsFailedPrecondition(status)) return;
  entry->Notify(RegistrationEvent::Kind::kRefused,
                absl::Status(status.code(), absl::StrCat(call->address, ": ", status.message())));
}

}  // namespace registry
