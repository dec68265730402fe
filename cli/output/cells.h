// Parts of answers in the words of tables and lines for people. Only cli/output's .cc files include
// this.
#pragma once

#include <cstdint>
#include <string>

#include "registry/types.h"

namespace registry::cli {

// "http=10.0.0.1:80,api=10.0.0.1:81"
std::string EndpointsCell(const Instance& instance);
// "env=prod,tier=a"
std::string LabelsCell(const Instance& instance);
// "2026-11-24T14:03:20Z"; empty for 0.
std::string TimeCell(int64_t unix_ms);

}  // namespace registry::cli
