// Encodes the events of a watch as fields of registry.v1.WatchResponse, without its `subscription`:
// a stream joins that before bytes that all subscribers share. Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "registryd/base/ids.h"
#include "registryd/core/types.h"

namespace registryd::watch {

class ChangesEncoder {
 public:
  void AddChanged(const core::Instance& instance);
  void AddGone(const core::Instance& instance);
  void AddGone(const core::InstanceName& name);
  // The whole `changes` field for (from, to].
  // `time_ms`: when the newest of them was made.
  std::string Finish(Revision from, Revision to, int64_t time_ms);

 private:
  std::string elements_;
};

class SnapshotEncoder {
 public:
  void Add(const core::Instance& instance);
  size_t size() const { return elements_.size(); }
  std::string Finish(ClusterId cluster, Revision revision, bool first, bool last);

 private:
  std::string elements_;
};

std::string EncodeResync(std::string_view reason);
std::string EncodeProgress(Revision revision, uint64_t digest, uint64_t count);
std::string EncodeEnded(int code, std::string_view message);
// The `subscription` field, to go before one of the above.
std::string EncodeSubscription(uint64_t subscription);
// What goes before `event` where it is not the first of a message: the beginning of an `also` with
// this `subscription` field.
std::string EncodeAlso(std::string_view subscription, std::string_view event);

}  // namespace registryd::watch
