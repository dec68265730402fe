// The answers about the past, about reasons and about subscribers, for people and as JSON. As in
// tables.h and json.h.
#pragma once

#include <functional>
#include <string>

#include "registry/past.h"

namespace registry::cli {

// How a time is written; the tables take it, so that they do not ask for the machine's zone.
using TimeText = std::function<std::string(int64_t unix_ms)>;

std::string ChangesTable(const ChangesResult& result, bool wide, const TimeText& time);
std::string DiffTable(const DiffResult& result);
std::string ExplainText(const ExplainResult& result, const TimeText& time);
std::string SubscribersTable(const std::vector<Subscriber>& subscribers, bool wide);
// One line for each client that watches.
std::string ConsumersTable(const SubscribersResult& result);
// One line for each client and what it watches.
std::string DependenciesTable(const SubscribersResult& result);

std::string ChangesJson(const ChangesResult& result);
std::string DiffJson(const DiffResult& result);
std::string ExplainJson(const ExplainResult& result);
std::string SubscribersJson(const SubscribersResult& result);
std::string DrainJson(const DrainResult& result);

}  // namespace registry::cli
