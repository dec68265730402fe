#include "tests/bench/zookeeper_load.h"

#ifdef REGISTRYD_BENCH_ZOOKEEPER

#include <zookeeper/zookeeper.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/support/wait_for.h"

namespace registryd::bench {
namespace {

void IgnoreWatch(zhandle_t*, int, int, const char*, void*) {}

void Created(int rc, const char*, const void* data) {
  std::unique_ptr<Done> done(static_cast<Done*>(const_cast<void*>(data)));
  (*done)(rc == ZOK ? std::string() : std::string(zerror(rc)));
}

// Several gets that are one operation.
struct Gather {
  std::atomic<size_t> left;
  std::atomic<int> failed{ZOK};
  Done done;
};

void Got(int rc, const char*, int, const Stat*, const void* data) {
  auto* gather = static_cast<Gather*>(const_cast<void*>(data));
  if (rc != ZOK) gather->failed = rc;
  if (--gather->left != 0) return;
  std::unique_ptr<Gather> last(gather);
  last->done(last->failed == ZOK ? std::string() : std::string(zerror(last->failed)));
}

}  // namespace

struct ZooKeeperLoad::Impl {
  std::vector<zhandle_t*> sessions;
};

bool ZooKeeperLoad::Built() { return true; }

ZooKeeperLoad::ZooKeeperLoad(const std::string& address, size_t sessions)
    : impl_(std::make_unique<Impl>()) {
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  for (size_t i = 0; i < sessions; ++i) {
    impl_->sessions.push_back(
        zookeeper_init(address.c_str(), IgnoreWatch, 30'000, nullptr, nullptr, 0));
  }
}

ZooKeeperLoad::~ZooKeeperLoad() {
  for (zhandle_t* session : impl_->sessions) zookeeper_close(session);
}

bool ZooKeeperLoad::Connected() const {
  return testing::WaitFor([this] {
    for (zhandle_t* session : impl_->sessions) {
      if (zoo_state(session) != ZOO_CONNECTED_STATE) return false;
    }
    return true;
  });
}

void ZooKeeperLoad::Create(const std::string& path, const std::string& value) {
  const int rc = zoo_create(impl_->sessions[0], path.c_str(), value.data(),
                            static_cast<int>(value.size()), &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
  if (rc == ZOK || rc == ZNODEEXISTS) return;
  std::fprintf(stderr, "bench: creating %s in ZooKeeper failed: %s\n", path.c_str(), zerror(rc));
  std::exit(1);
}

Measured ZooKeeperLoad::CreateEphemeral(const Shape& shape, const PathOf& path,
                                        const std::string& value, double seconds) {
  return Drive(shape, seconds, [&](size_t slot, uint64_t n, Done done) {
    auto held = std::make_unique<Done>(std::move(done));
    const int rc = zoo_acreate(impl_->sessions[slot % impl_->sessions.size()], path(n).c_str(),
                               value.data(), static_cast<int>(value.size()), &ZOO_OPEN_ACL_UNSAFE,
                               ZOO_EPHEMERAL, Created, held.get());
    if (rc != ZOK) return (*held)(zerror(rc));
    held.release();
  });
}

Measured ZooKeeperLoad::GetMany(const Shape& shape, const std::string& path, size_t count,
                                double seconds) {
  std::vector<std::string> paths;
  for (size_t i = 0; i < count; ++i) paths.push_back(path + std::to_string(i));
  return Drive(shape, seconds, [&](size_t slot, uint64_t, Done done) {
    auto* gather = new Gather{{count}, {ZOK}, std::move(done)};
    zhandle_t* session = impl_->sessions[slot % impl_->sessions.size()];
    for (const std::string& one : paths) {
      const int rc = zoo_aget(session, one.c_str(), 0, Got, gather);
      if (rc != ZOK) Got(rc, nullptr, 0, nullptr, gather);
    }
  });
}

}  // namespace registryd::bench

#else

namespace registryd::bench {

struct ZooKeeperLoad::Impl {};
bool ZooKeeperLoad::Built() { return false; }
ZooKeeperLoad::ZooKeeperLoad(const std::string&, size_t) {}
ZooKeeperLoad::~ZooKeeperLoad() = default;
bool ZooKeeperLoad::Connected() const { return false; }
void ZooKeeperLoad::Create(const std::string&, const std::string&) {}
Measured ZooKeeperLoad::CreateEphemeral(const Shape&, const PathOf&, const std::string&, double) {
  return {};
}
Measured ZooKeeperLoad::GetMany(const Shape&, const std::string&, size_t, double) { return {}; }

}  // namespace registryd::bench

#endif
