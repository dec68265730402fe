#include "cli/output/change_lines.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/arguments.h"
#include "cli/output/cells.h"
#include "cli/output/json.h"
#include "cli/output/table.h"

namespace registry::cli {
namespace {

std::string Line(const std::string& revision, const std::string& event, const std::string& name,
                 const std::string& health, const std::string& endpoints) {
  std::string line =
      absl::StrFormat("%-9s %-9s %-28s %-9s %s", revision, event, name, health, endpoints);
  line.erase(line.find_last_not_of(' ') + 1);
  return Printable(line) + "\n";
}

// What happened, as far as the instance itself tells.
const char* EventOf(const ViewChange& change, const Instance& instance) {
  if (change.from_revision == 0) return "present";
  return instance.incarnation == instance.changed_revision ? "registered" : "changed";
}

}  // namespace

std::string ChangeHeader() { return Line("REVISION", "EVENT", "INSTANCE", "HEALTH", "ENDPOINTS"); }

std::string ChangeLines(const ViewChange& change) {
  std::string text;
  if (change.snapshot) {
    absl::StrAppend(&text, Line(absl::StrCat(change.view->revision), "snapshot",
                                absl::StrCat(change.view->instances.size(), " instances"), "",
                                change.resync_reason));
  }
  for (const InstancePtr& instance : change.changed) {
    absl::StrAppend(&text, Line(absl::StrCat(instance->changed_revision),
                                EventOf(change, *instance), InstanceName(instance->spec),
                                HealthWord(instance->health), EndpointsCell(*instance)));
  }
  for (const InstancePtr& instance : change.gone) {
    absl::StrAppend(&text, Line(absl::StrCat(change.view->revision), "gone",
                                InstanceName(instance->spec), "", ""));
  }
  return text;
}

}  // namespace registry::cli
