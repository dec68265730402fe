// What Admin tells of the past, of the reasons of an answer, and of who watches. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "registry/types.h"

namespace registry {

// By revision, or by time where that is 0; neither: now.
struct Moment {
  uint64_t revision = 0;
  int64_t time_ms = 0;  // since the Unix epoch
};

struct Change {
  uint64_t revision = 0;
  int64_t time_ms = 0;
  std::string actor = {};     // who asked; empty: nobody said
  std::string cause = {};     // "register", "lease expired", ...
  std::string evidence = {};  // more about it; may be empty
  std::string ns = {};
  std::string service = {};
  std::string id = {};
  std::optional<Instance> before = {};  // absent: it appeared
  std::optional<Instance> after = {};   // absent: it left
};

struct ChangesQuery {
  std::string ns = "default";  // "*": all namespaces
  std::string service = {};    // empty: all services of the namespace
  std::string id = {};         // empty: all instances of the service
  int64_t since_ms = 0;        // not older
  uint32_t limit = 1'000;      // the newest; 0: all that are kept
};

struct ChangesResult {
  AnswerInfo info = {};
  std::vector<Change> changes = {};  // the oldest first
  bool more = false;                 // there are older ones
  uint64_t oldest_revision = 0;      // changes after this revision are kept
};

struct PastLookup {
  LookupResult lookup = {};      // info.revision is the one that it shows
  int64_t revision_time_ms = 0;  // when that was made; 0: not kept
};

struct Difference {
  std::optional<Instance> before = {};
  std::optional<Instance> after = {};
};

struct DiffResult {
  AnswerInfo info = {};
  uint64_t from_revision = 0;
  uint64_t to_revision = 0;
  std::vector<Difference> differences = {};  // by id
};

struct ExplainStep {
  std::string name = {};  // "lease", "health", "selector", "version", "zone", "limit", ...
  bool passed = true;     // false: it was dropped here
  std::string detail = {};
};

struct Verdict {
  std::string id = {};
  std::optional<Instance> instance = {};  // absent: not in the registry
  uint32_t position = 0;                  // in the answer, from 1; 0: not returned
  std::vector<ExplainStep> steps = {};
  std::optional<Change> last_change = {};
};

struct ExplainResult {
  AnswerInfo info = {};
  std::vector<Verdict> verdicts = {};  // the returned ones first
};

struct Subscriber {
  std::string client_id = {};
  std::string client_name = {};
  std::string address = {};
  std::string node = {};     // that it is connected to
  std::string watches = {};  // "default/web", or with a star at the end: all that begin so
  bool connected = true;     // false: its stream broke a moment ago
  uint64_t acknowledged_revision = 0;
  uint64_t behind = 0;      // revisions
  int64_t applied_ms = -1;  // from a change to its acknowledgement, the last one; -1: not measured
  int64_t applied_max_ms = -1;
};

struct SubscribersResult {
  AnswerInfo info = {};
  std::vector<Subscriber> subscribers = {};  // those who are the furthest behind first
  std::vector<std::string> unreachable_nodes = {};
};

struct DrainResult {
  uint64_t revision = 0;
  bool drained = false;  // every live subscriber has acknowledged the revision
  Instance instance = {};
  std::vector<Subscriber> waiting_for = {};  // where not: these have not
  std::vector<std::string> unreachable_nodes = {};
};

// Who has not acknowledged: "cart at 10.0.0.7:40312 (2 revisions behind), those of node n2, which
// does not answer". Empty where all have.
std::string WaitingFor(const DrainResult& result);

}  // namespace registry
