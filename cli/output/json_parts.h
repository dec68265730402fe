// What the JSON of several commands is made of. Only cli/output's .cc files include this.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "registry/types.h"

namespace registry::cli {

using Json = nlohmann::ordered_json;

// Indented, ending with a newline.
std::string JsonText(const Json& json);
Json ToJson(const Instance& instance);
Json ToJson(const std::vector<Instance>& instances);
// Every answer about state begins so.
Json BeginJson(const AnswerInfo& info);

}  // namespace registry::cli
