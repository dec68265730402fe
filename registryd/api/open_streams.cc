#include "registryd/api/open_streams.h"

#include <algorithm>
#include <utility>

namespace registryd::api {

void OpenStreams::Add(std::shared_ptr<ClosableStream> stream) {
  grpc::Status status;
  {
    MutexLock lock(mutex_);
    if (!closed_) {
      if (streams_.size() >= sweep_at_) {
        std::erase_if(streams_, [](const auto& held) { return held.expired(); });
        sweep_at_ = std::max<size_t>(64, streams_.size() * 2);
      }
      streams_.push_back(std::move(stream));
      return;
    }
    status = status_;
  }
  stream->Close(status);
}

void OpenStreams::CloseAll(const grpc::Status& status) {
  std::vector<std::weak_ptr<ClosableStream>> streams;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    status_ = status;
    streams.swap(streams_);
  }
  for (const auto& held : streams) {
    if (auto stream = held.lock()) stream->Close(status);
  }
}

}  // namespace registryd::api
