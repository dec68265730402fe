#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(The registry goes on while it is read. FILE appears when it is complete and synced; what was there is replaced. It is
read by `registryd --restore FILE` with an empty data directory, which makes a new cluster of it (docs/operations.md).

Examples:
  registry-cli backup /backup/registry-$(date +%F)
  registry-cli backup FILE --server 10.0.0.2:7400    # of this node)";

struct Options {
  std::string file;
  int minutes = 60;
};

ExitCode Run(Session& session, const Options& options) {
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return session.console().Usage(admin.status());
  const absl::StatusOr<uint64_t> bytes =
      (*admin)->Backup(options.file, absl::Minutes(options.minutes));
  if (!bytes.ok()) return session.console().Fail(bytes.status());
  return session.console().Print(absl::StrCat(*bytes, " bytes in ", options.file, "\n"));
}

}  // namespace

void AddBackup(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("backup", "Write a backup of the registry to a file");
  command->footer(kFooter);
  command->add_option("FILE", options->file, "Where to")->required();
  command->add_option("--minutes", options->minutes, "Give up after so many minutes")
      ->check(CLI::Range(1, 24 * 60))
      ->capture_default_str();
  command->callback([action, options] {
    *action = [options](Session& session) { return Run(session, *options); };
  });
}

}  // namespace registry::cli
