// What a watch prints, line by line as it comes: for people, and one JSON object a line for
// scripts.
//
//   std::cout << ChangeHeader() << ChangeLines(change);
//
// The JSON's shape is promised by docs/cli.md.
#pragma once

#include <string>

#include "registry/subscription.h"

namespace registry::cli {

std::string ChangeHeader();

// A line for each instance that changed; before them one that says how many there are, where the
// picture is a new one. Columns are padded to a usual width, as nobody knows what will come.
std::string ChangeLines(const ViewChange& change);

}  // namespace registry::cli
