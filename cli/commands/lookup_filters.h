// The filters of a lookup, the same for all commands that ask as lookup does.
//
//   AddLookupFilters(command, &options->filters);                              // builds the tree
//   absl::StatusOr<LookupQuery> query = ParseLookup(options->filters, service, session.ns());
#pragma once

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "registry/types.h"

namespace registry::cli {

// As written on the command line.
struct LookupFilters {
  std::vector<std::string> health;
  std::string selector;
  std::string version_range;
  std::string zone;
  std::string limit;
};

// `filters` has to outlive the parsing.
void AddLookupFilters(CLI::App* command, LookupFilters* filters);

absl::StatusOr<LookupQuery> ParseLookup(const LookupFilters& filters, const std::string& service,
                                        const std::string& ns);

}  // namespace registry::cli
