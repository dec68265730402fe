// Mirror: one subscription's picture, kept by the registry's messages, and the check that it is
// right.
//
//   Mirror mirror;
//   absl::StatusOr<std::optional<Mirror::Step>> step = mirror.Take(message);
//   if (!step.ok()) ...             // DATA_LOSS: our picture is wrong; subscribe anew, no resume
//   else if (*step) Publish((*step)->view);
//
// Nothing is shown by halves: a snapshot in parts gives a step when it is whole, a page of changes
// one step. Loop thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/subscription.h"
#include "registry/v1/discovery.pb.h"
#include "registry/view.h"

namespace registry {

class Mirror {
 public:
  struct Step {
    ViewPtr view;
    bool snapshot = false;
    std::vector<InstancePtr> touched;  // of changes: what may be different. Of a snapshot: unused
  };

  explicit Mirror(EmptyPolicy empty) : empty_(empty), view_(std::make_shared<const View>()) {}

  // A picture from disk. Before the first message.
  void Restore(ViewPtr view);

  // snapshot, changes or progress. No step: the picture is as it was. INTERNAL: the message makes
  // no sense.
  absl::StatusOr<std::optional<Step>> Take(const v1::WatchResponse& message);

  // Whether to go on after cursor(); otherwise a snapshot is needed.
  bool resumable() const { return resumable_; }
  // How far the registry has been heard. The view may be of an earlier revision (nothing of it has
  // changed since) and, while holding(), of another cluster.
  v1::Cursor cursor() const;
  uint64_t revision() const { return revision_; }
  // The next subscription begins with a snapshot.
  void Forget();
  // The stream is gone: the rest of a snapshot will not come.
  void Interrupt() { parts_.reset(); }

  const ViewPtr& view() const { return view_; }
  // An empty picture is not believed; view() is the one before it.
  bool holding() const { return holding_; }

 private:
  struct Parts {
    uint64_t cluster_id = 0;
    uint64_t revision = 0;
    std::vector<InstancePtr> instances;
  };

  absl::StatusOr<std::optional<Step>> TakeSnapshot(const v1::Snapshot& part);
  absl::StatusOr<std::optional<Step>> TakeChanges(const v1::Changes& page);
  absl::Status Check(const v1::Progress& beat);
  bool Believe(const Parts& picture) const;

  const EmptyPolicy empty_;
  ViewPtr view_;
  uint64_t cluster_id_ = 0;
  uint64_t revision_ = 0;
  uint64_t digest_ = 0;  // of what the registry shows: of view_, or of nothing while holding_
  bool resumable_ = false;
  bool holding_ = false;
  std::optional<Parts> parts_;
};

// docs/formats.md, "Digest".
uint64_t InstanceDigest(const Instance& instance);

}  // namespace registry
