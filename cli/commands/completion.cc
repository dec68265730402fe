#include <memory>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/output/completion_script.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] = R"(Examples:
  source <(registry-cli completion bash)
  registry-cli completion bash > /etc/bash_completion.d/registry-cli
  registry-cli completion zsh > "${fpath[1]}/_registry-cli"
  registry-cli completion fish > ~/.config/fish/completions/registry-cli.fish)";

Shell ParseShell(const std::string& word) {
  if (word == "zsh") return Shell::kZsh;
  return word == "fish" ? Shell::kFish : Shell::kBash;
}

}  // namespace

void AddCompletion(CLI::App& app, Action* action) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print a script that completes commands in a shell");
  command->add_option("shell", *shell, "Which shell")
      ->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}))
      ->required();
  command->footer(kFooter);
  command->callback([&app, shell, action] {
    *action = [&app, shell](Session& session) {
      return session.console().Print(CompletionScript(app, ParseShell(*shell)));
    };
  });
}

}  // namespace registry::cli
