// The streams that are open on this node, so that a stopping server ends them with a clear status
// instead of a reset. Threads: any.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <vector>

#include "registryd/api/stream_machine.h"
#include "registryd/base/mutex.h"

namespace registryd::api {

class OpenStreams {
 public:
  // A stream that starts after CloseAll is closed at once.
  void Add(std::shared_ptr<ClosableStream> stream);
  void CloseAll(const grpc::Status& status);

 private:
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<ClosableStream>> streams_ ABSL_GUARDED_BY(mutex_);
  size_t sweep_at_ ABSL_GUARDED_BY(mutex_) = 64;  // ended ones are forgotten when there are so many
};

}  // namespace registryd::api
