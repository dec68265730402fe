// One function for each command; each stands in the file of its name.
//
// It adds the command to the tree, with its options, its arguments and examples below its help.
// When the command is on the command line, the parser puts what it shall do into *action, which has
// to outlive the tree.
//
// Example: AddStatus(app, &action);
#pragma once

#include "CLI/CLI.hpp"
#include "cli/session.h"

namespace registry::cli {

void AddRegister(CLI::App& app, Action* action);
void AddDeregister(CLI::App& app, Action* action);
void AddUpdate(CLI::App& app, Action* action);
void AddSetHealth(CLI::App& app, Action* action);
void AddLookup(CLI::App& app, Action* action);
void AddWatch(CLI::App& app, Action* action);
void AddServices(CLI::App& app, Action* action);
void AddInstances(CLI::App& app, Action* action);
void AddExplain(CLI::App& app, Action* action);
void AddHistory(CLI::App& app, Action* action);
void AddDiff(CLI::App& app, Action* action);
void AddDrain(CLI::App& app, Action* action);
void AddSubscribers(CLI::App& app, Action* action);
void AddConsumers(CLI::App& app, Action* action);
void AddDependencies(CLI::App& app, Action* action);
void AddGuard(CLI::App& app, Action* action);
void AddMaintenance(CLI::App& app, Action* action);
void AddService(CLI::App& app, Action* action);
void AddStatus(CLI::App& app, Action* action);
void AddBench(CLI::App& app, Action* action);
void AddRun(CLI::App& app, Action* action);
void AddSidecar(CLI::App& app, Action* action);
void AddLogLevel(CLI::App& app, Action* action);
void AddAuth(CLI::App& app, Action* action);
void AddTls(CLI::App& app, Action* action);
void AddMember(CLI::App& app, Action* action);
void AddBackup(CLI::App& app, Action* action);
void AddCompletion(CLI::App& app, Action* action);

}  // namespace registry::cli
