#include <charconv>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/output/json.h"
#include "cli/output/tables.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(A member is named by its name or its id; `member list` shows both. A new member comes as a standby, which gets the
log and has no vote, and is promoted when it has caught up. Any server may be asked.

Examples:
  registry-cli member list
  registry-cli member promote d
  registry-cli member remove c          # its process stops and says so
  registry-cli member remove c --force  # also when no majority of what is left is reachable
  registry-cli member transfer-leader   # to whoever is furthest
  registry-cli member transfer-leader b)";

struct Options {
  MemberChange change = MemberChange::kPromote;
  std::string member;
  std::string address;
  bool force = false;
};

ExitCode List(Session& session) {
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return session.console().Usage(admin.status());
  absl::StatusOr<ClusterStatus> status = (*admin)->Status();
  if (!status.ok()) return session.console().Fail(status.status());
  if (session.json()) return session.console().Print(StatusJson(*status));
  return session.console().Print(StatusTable(*status, {.wide = true}));
}

std::optional<uint64_t> Number(const std::string& text, int base) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || rest != end || number == 0) return std::nullopt;
  return number;
}

// By name, by id as `member list` shows it, or by number as the logs of the nodes do.
absl::StatusOr<uint64_t> IdOf(Admin& admin, const std::string& member) {
  absl::StatusOr<ClusterStatus> status = admin.Status();
  if (!status.ok()) return status.status();
  for (const Member& known : status->members) {
    if (known.name == member || HexId(known.node_id) == member) return known.node_id;
  }
  if (const auto id = Number(member, 10)) return *id;
  // Hexadecimal only as it is printed: "d" is a mistyped name.
  if (const auto id = Number(member, 16); id && HexId(*id) == member) return *id;
  return absl::NotFoundError(
      absl::StrCat("no member is called \"", member, "\"; registry-cli member list shows them"));
}

ExitCode Change(Session& session, const Options& options) {
  absl::StatusOr<Admin*> admin = session.admin();
  if (!admin.ok()) return session.console().Usage(admin.status());
  MemberChangeOptions change{
      .change = options.change, .node_id = 0, .address = options.address, .force = options.force};
  if (!options.member.empty()) {
    absl::StatusOr<uint64_t> id = IdOf(**admin, options.member);
    if (!id.ok()) return session.console().Fail(id.status());
    change.node_id = *id;
  }
  const absl::Status status = (*admin)->ChangeMember(change);
  return status.ok() ? ExitCode::kOk : session.console().Fail(status);
}

}  // namespace

void AddMember(CLI::App& app, Action* action) {
  CLI::App* member = app.add_subcommand("member", "Show and change the members of the cluster");
  member->require_subcommand(1);
  member->footer(kFooter);
  member->add_subcommand("list", "The members, with role, log and digest")->callback([action] {
    *action = List;
  });

  const auto add = [&](const char* name, const char* what, MemberChange change) {
    auto options = std::make_shared<Options>();
    options->change = change;
    CLI::App* command = member->add_subcommand(name, what);
    command->callback([action, options] {
      *action = [options](Session& session) { return Change(session, *options); };
    });
    return std::pair(command, options);
  };
  {
    auto [command, options] = add("add", "Add a node as a standby", MemberChange::kAdd);
    command->add_option("ID", options->member, "Its id: the new node shows it in its log")
        ->required();
    command->add_option("ADDRESS", options->address, "host:port of its peer port")->required();
  }
  {
    auto [command, options] =
        add("promote", "Give a standby that has caught up a vote", MemberChange::kPromote);
    command->add_option("MEMBER", options->member, "Name or id")->required();
  }
  {
    auto [command, options] = add("demote", "Take a voter's vote", MemberChange::kDemote);
    command->add_option("MEMBER", options->member, "Name or id")->required();
    command->add_flag("--force", options->force, "Also when what is left could not go on");
  }
  {
    auto [command, options] = add("remove", "Remove a member", MemberChange::kRemove);
    command->add_option("MEMBER", options->member, "Name or id")->required();
    command->add_flag("--force", options->force, "Also when what is left could not go on");
  }
  {
    auto [command, options] =
        add("transfer-leader", "Hand leadership to another member", MemberChange::kTransfer);
    command->add_option("MEMBER", options->member, "Name or id; without it: whoever is furthest");
  }
}

}  // namespace registry::cli
