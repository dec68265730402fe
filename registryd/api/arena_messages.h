// Requests whose parts lie in one arena: for calls with many small parts, which would be allocated
// and freed one by one.
//
//   ArenaMessages<RegisterRequest, RegisterResponse> messages_;      // outlives the service's
//   calls SetMessageAllocatorFor_Register(&messages_);
//   ...
//   FreeRequest(*context);           // in the handler, when it has what it needs
//
// Threads: any.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/message_allocator.h>

#include <optional>

#include "google/protobuf/arena.h"

namespace registryd::api {

template <class Request, class Response>
class ArenaMessages final : public grpc::MessageAllocator<Request, Response> {
 public:
  grpc::MessageHolder<Request, Response>* AllocateMessages() override { return new Held; }

 private:
  class Held final : public grpc::MessageHolder<Request, Response> {
   public:
    Held() {
      google::protobuf::ArenaOptions options;
      options.start_block_size = 2 << 10;
      options.max_block_size = 64 << 10;
      arena_.emplace(options);
      this->set_request(google::protobuf::Arena::CreateMessage<Request>(&*arena_));
      this->set_response(&response_);
    }
    void FreeRequest() override {
      this->set_request(nullptr);
      arena_.reset();
    }
    void Release() override { delete this; }

   private:
    std::optional<google::protobuf::Arena> arena_;
    Response response_;
  };
};

inline void FreeRequest(grpc::CallbackServerContext& context) {
  if (auto* state = context.GetRpcAllocatorState()) state->FreeRequest();
}

}  // namespace registryd::api
