// Judges what one subscription was sent: promise G3, seen from the client's side.
//
//   WatchChecker checker("web on node a");
//   checker.Begin(std::nullopt);                 // a stream begins; or Begin(checker.cursor()) to
//   go on checker.Take(response);                      // every WatchResponse of the subscription,
//   in order checker.CheckAgainst(truth, in_scope);       // at the end: what the writers know that
//   they changed EXPECT_EQ(checker.errors(), WatchChecker::Errors());
//
// It keeps the picture that a client would keep, and finds: a gap, a repetition, a wrong order, a
// revision that came in parts, a digest or count that is not that of the picture (digests are
// computed here anew, by docs/formats.md), snapshots that are not whole or come unannounced, and
// anything after the end. CheckAgainst finds changes that were never told.
//
// Shown to work by tests/unit/support/watch_checker_test.cc, which plants each fault. Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "registry/v1/discovery.pb.h"

namespace registryd::testing {

// "namespace/service/id"
std::string NameOf(const registry::v1::Instance& instance);
std::string NameOf(const registry::v1::InstanceRef& ref);
// As docs/formats.md says.
uint64_t DigestOf(const registry::v1::Instance& instance);

// What a writer knows: which instances changed at which revision.
using WatchTruth = std::map<uint64_t, std::set<std::string>>;

class WatchChecker {
 public:
  using Errors = std::vector<std::string>;
  using Picture = std::map<std::string, registry::v1::Instance>;

  explicit WatchChecker(std::string name) : name_(std::move(name)) {}

  // A stream begins that asked to go on from `resume`, or for a snapshot.
  void Begin(const std::optional<registry::v1::Cursor>& resume);
  void Take(const registry::v1::WatchResponse& response);
  // Every change of the truth that `in_scope` wants and that lies in what this subscription covered
  // was told in the page that covers it. For subscriptions without a filter.
  void CheckAgainst(const WatchTruth& truth,
                    const std::function<bool(const std::string&)>& in_scope);

  // The picture is whole: a snapshot has ended, or the stream goes on from a cursor.
  bool whole() const { return whole_; }
  bool ended() const { return ended_; }
  // Where the next stream may go on. Only when it is whole.
  registry::v1::Cursor cursor() const;
  uint64_t revision() const { return cursor_; }
  const Picture& picture() const { return picture_; }
  const Errors& errors() const { return errors_; }

  struct Counts {
    int snapshots = 0;
    int resyncs = 0;
    int pages = 0;
    int beats = 0;      // progress messages whose digest was compared
    int instances = 0;  // in pages
    int gone = 0;       // of them
  };
  const Counts& counts() const { return counts_; }
  const std::string& last_resync() const { return last_resync_; }

 private:
  // (after, to] was covered, and these names were told of it.
  struct Covered {
    uint64_t after = 0;
    uint64_t to = 0;
    std::set<std::string> names;
  };

  void Take(const registry::v1::Snapshot& snapshot);
  void Take(const registry::v1::Changes& changes);
  void Take(const registry::v1::Progress& progress);
  void Put(const registry::v1::Instance& instance);
  void Drop(const std::string& name);
  void Fail(const std::string& what);

  const std::string name_;
  Picture picture_;
  uint64_t digest_ = 0;  // of the picture
  uint64_t cluster_ = 0;
  uint64_t cursor_ = 0;
  bool whole_ = false;
  bool in_snapshot_ = false;
  bool may_snapshot_ = false;  // the stream began without a cursor, or a resync was told
  bool ended_ = false;
  std::string last_resync_;
  std::vector<Covered> covered_;
  Counts counts_;
  Errors errors_;
};

}  // namespace registryd::testing
