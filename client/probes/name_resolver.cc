#include "client/probes/name_resolver.h"

#include <netdb.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace registry::probes {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int kThreads = 4;
constexpr size_t kWaitingMax = 1024;

NameResolver::Answer Ask(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  NameResolver::Answer answer;
  if (error != 0) {
    answer.error = gai_strerror(error);
    return answer;
  }
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    tcp::endpoint address;
    if (entry->ai_addrlen > address.capacity()) continue;
    std::memcpy(address.data(), entry->ai_addr, entry->ai_addrlen);
    address.resize(entry->ai_addrlen);
    address.port(port);
    answer.addresses.push_back(address);
  }
  freeaddrinfo(found);
  if (answer.addresses.empty()) answer.error = "the name has no address";
  return answer;
}

}  // namespace

// What the threads hold. `io` is null once the resolver has gone.
struct NameResolver::Queue {
  struct Question {
    std::string host;
    uint16_t port;
    Done done;
  };
  std::mutex mutex;
  std::condition_variable work;
  std::deque<Question> waiting;
  asio::io_context* io;
  int threads = 0;
  int idle = 0;

  static void Serve(const std::shared_ptr<Queue>& queue) {
    std::unique_lock<std::mutex> lock(queue->mutex);
    for (;;) {
      ++queue->idle;
      queue->work.wait(lock, [&] { return queue->io == nullptr || !queue->waiting.empty(); });
      --queue->idle;
      if (queue->io == nullptr) return;
      Question question = std::move(queue->waiting.front());
      queue->waiting.pop_front();
      lock.unlock();
      Answer answer = Ask(question.host, question.port);
      lock.lock();
      if (queue->io == nullptr) return;
      // Under the lock, so that the io_context cannot go meanwhile.
      asio::post(*queue->io, [done = std::move(question.done),
                              answer = std::move(answer)]() mutable { done(std::move(answer)); });
    }
  }
};

NameResolver::NameResolver(asio::io_context& io) : io_(io), queue_(std::make_shared<Queue>()) {
  queue_->io = &io;
}

NameResolver::~NameResolver() {
  std::deque<Queue::Question> forgotten;  // destroyed without the lock
  {
    std::lock_guard<std::mutex> lock(queue_->mutex);
    queue_->io = nullptr;
    forgotten.swap(queue_->waiting);
  }
  queue_->work.notify_all();
}

void NameResolver::Resolve(const std::string& host, uint16_t port, Done done) {
  boost::system::error_code not_numeric;
  const asio::ip::address address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {
    asio::post(io_, [done = std::move(done), address, port] {
      done({.addresses = {tcp::endpoint(address, port)}, .error = {}});
    });
    return;
  }
  {
    std::lock_guard<std::mutex> lock(queue_->mutex);
    if (queue_->waiting.size() < kWaitingMax) {
      queue_->waiting.push_back({host, port, std::move(done)});
      if (queue_->idle == 0 && queue_->threads < kThreads) {
        ++queue_->threads;
        std::thread([queue = queue_] { Queue::Serve(queue); }).detach();
      }
      queue_->work.notify_one();
      return;
    }
  }
  asio::post(io_, [done = std::move(done)] {
    done({.addresses = {}, .error = "too many names wait for the name server", .refused = true});
  });
}

}  // namespace registry::probes
