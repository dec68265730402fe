#include "cli/output/completion_script.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace registry::cli {
namespace {

struct Option {
  std::vector<std::string> names;  // with their dashes; empty: positional
  std::string description;
  std::vector<std::string> choices;
  bool takes_value = false;
  bool takes_file = false;
  bool repeatable = false;
};

struct Command {
  std::string name;
  std::string description;
  std::vector<Option> options;
  std::vector<Option> positionals;
};

struct Tree {
  Command root;
  std::vector<Command> commands;
};

// CLI11 shows the set of a CLI::IsMember only in the name of the type: "TEXT:{table,wide,json}".
std::vector<std::string> ChoicesOf(const std::string& type_name) {
  const size_t begin = type_name.find('{');
  const size_t end = type_name.find('}', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return absl::StrSplit(type_name.substr(begin + 1, end - begin - 1), ',');
}

Option ReadOption(const CLI::Option& source) {
  Option option;
  for (const std::string& name : source.get_snames()) option.names.push_back("-" + name);
  for (const std::string& name : source.get_lnames()) option.names.push_back("--" + name);
  option.description = source.get_description();
  option.takes_value = source.get_items_expected_max() > 0;
  if (option.takes_value) {
    const std::string type_name = source.get_type_name();
    option.choices = ChoicesOf(type_name);
    option.takes_file = type_name == "FILE";
    option.repeatable = source.get_items_expected_max() > 1;
  }
  return option;
}

Command ReadCommand(const CLI::App& app) {
  Command command{app.get_name(), app.get_description(), {}, {}};
  for (const CLI::Option* source : app.get_options({})) {
    Option option = ReadOption(*source);
    (option.names.empty() ? command.positionals : command.options).push_back(std::move(option));
  }
  return command;
}

Tree ReadTree(const CLI::App& app) {
  Tree tree;
  tree.root = ReadCommand(app);
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    tree.commands.push_back(ReadCommand(*command));
  }
  return tree;
}

// 'text' for a shell; ends and reopens the quotes around each quote inside.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string CommandNames(const Tree& tree, const char* separator) {
  return absl::StrJoin(tree.commands, separator, [](std::string* out, const Command& command) {
    absl::StrAppend(out, command.name);
  });
}

// ----- bash -----

// The words that may stand after "command": its choices and its options.
std::string BashWords(const Command& command) {
  std::vector<std::string> words;
  for (const Option& positional : command.positionals) {
    words.insert(words.end(), positional.choices.begin(), positional.choices.end());
  }
  for (const Option& option : command.options) {
    words.insert(words.end(), option.names.begin(), option.names.end());
  }
  return absl::StrJoin(words, " ");
}

// Case arms for the values of a command's options; `prefix` is a pattern for the command's name.
void AppendBashValues(const Command& command, const std::string& prefix, std::string* out) {
  for (const Option& option : command.options) {
    if (!option.takes_value) continue;
    const std::string pattern =
        absl::StrJoin(option.names, "|", [&prefix](std::string* to, const std::string& name) {
          absl::StrAppend(to, prefix, ",", name);
        });
    std::string reply = "COMPREPLY=()";
    if (option.takes_file) reply = "COMPREPLY=($(compgen -f -- \"$cur\"))";
    if (!option.choices.empty()) {
      reply = absl::StrCat("COMPREPLY=($(compgen -W '", absl::StrJoin(option.choices, " "),
                           "' -- \"$cur\"))");
    }
    absl::StrAppend(out, "    ", pattern, ") ", reply, "; return ;;\n");
  }
}

std::string BashScript(const Tree& tree) {
  std::vector<std::string> valued;
  for (const Option& option : tree.root.options) {
    if (option.takes_value) valued.insert(valued.end(), option.names.begin(), option.names.end());
  }
  std::string values;
  std::string words;
  for (const Command& command : tree.commands) {
    AppendBashValues(command, command.name, &values);
    absl::StrAppend(&words, "    ", command.name, ") words='", BashWords(command), " ",
                    BashWords(tree.root), "' ;;\n");
  }
  // A command's own option of the same name comes first.
  AppendBashValues(tree.root, "*", &values);
  // Readline splits --output=json into three words.
  return absl::StrCat(
      R"(# bash completion of registry-cli. Load it with: source <(registry-cli completion bash)
_registry_cli() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words i
  if [[ $cur == '=' ]]; then
    cur=
  elif [[ $prev == '=' && COMP_CWORD -gt 1 ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
    )",
      absl::StrJoin(valued, "|"), R"()
      if [[ ${COMP_WORDS[i+1]} == '=' ]]; then ((i += 2)); else ((i += 1)); fi ;;
    )",
      CommandNames(tree, "|"), R"() command=${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command,$prev in
)",
      values, "  esac\n  case $command in\n", words, "    *) words='", CommandNames(tree, " "), " ",
      BashWords(tree.root), R"(' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _registry_cli registry-cli
)");
}

// ----- zsh -----

// In a specification of _arguments these characters divide its parts.
std::string ZshText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
}

std::string ZshValue(const Option& option) {
  if (option.takes_file) return ":file:_files";
  if (option.choices.empty()) return ":value: ";
  return absl::StrCat(":value:(", absl::StrJoin(option.choices, " "), ")");
}

std::string ZshSpecifications(const Command& command) {
  std::string out;
  for (const Option& option : command.options) {
    const std::string all = absl::StrJoin(option.names, " ");
    for (const std::string& name : option.names) {
      absl::StrAppend(&out, "    ",
                      Quoted(absl::StrCat(option.repeatable ? "*" : absl::StrCat("(", all, ")"),
                                          name, "[", ZshText(option.description), "]",
                                          option.takes_value ? ZshValue(option) : "")),
                      "\n");
    }
  }
  for (const Option& positional : command.positionals) {
    absl::StrAppend(&out, "    ",
                    Quoted(absl::StrCat(positional.repeatable ? "*" : ":", ZshValue(positional))),
                    "\n");
  }
  return out;
}

std::string ZshScript(const Tree& tree) {
  std::string names;
  std::string cases;
  for (const Command& command : tree.commands) {
    absl::StrAppend(&names, "    ",
                    Quoted(absl::StrCat(ZshText(command.name), ":", ZshText(command.description))),
                    "\n");
    absl::StrAppend(&cases, "    ", command.name, ") specifications=(\n",
                    ZshSpecifications(command), "    ) ;;\n");
  }
  return absl::StrCat(R"(#compdef registry-cli
# zsh completion of registry-cli. Load it with: source <(registry-cli completion zsh)
_registry-cli() {
  local curcontext=$curcontext state line
  local -a global commands specifications
  global=(
)",
                      ZshSpecifications(tree.root), "  )\n  commands=(\n", names, R"(  )
  _arguments -C $global '1:command:->command' '*::argument:->argument' && return
  if [[ $state == command ]]; then
    _describe command commands
    return
  fi
  case $words[1] in
)",
                      cases, R"(  esac
  _arguments $specifications $global
}
if [[ $funcstack[1] == _registry-cli ]]; then
  _registry-cli "$@"
else
  compdef _registry-cli registry-cli
fi
)");
}

// ----- fish -----

void AppendFishOptions(const Command& command, const std::string& condition, std::string* out) {
  for (const Option& option : command.options) {
    absl::StrAppend(out, "complete -c registry-cli", condition);
    for (const std::string& name : option.names) {
      absl::StrAppend(out, name.size() == 2 ? " -s " + name.substr(1) : " -l " + name.substr(2));
    }
    // -x: a value, no file names; -rF: a value, file names
    if (option.takes_value) absl::StrAppend(out, option.takes_file ? " -rF" : " -x");
    if (!option.choices.empty()) {
      absl::StrAppend(out, " -a ", Quoted(absl::StrJoin(option.choices, " ")));
    }
    absl::StrAppend(out, " -d ", Quoted(option.description), "\n");
  }
}

std::string FishScript(const Tree& tree) {
  std::string out = absl::StrCat(
      "# fish completion of registry-cli. Load it with: registry-cli completion fish | source\n"
      "complete -c registry-cli -f\n");
  AppendFishOptions(tree.root, "", &out);
  for (const Command& command : tree.commands) {
    absl::StrAppend(&out, "complete -c registry-cli -n __fish_use_subcommand -a ", command.name,
                    " -d ", Quoted(command.description), "\n");
    const std::string condition =
        absl::StrCat(" -n '__fish_seen_subcommand_from ", command.name, "'");
    AppendFishOptions(command, condition, &out);
    for (const Option& positional : command.positionals) {
      if (positional.choices.empty()) continue;
      absl::StrAppend(&out, "complete -c registry-cli", condition, " -a ",
                      Quoted(absl::StrJoin(positional.choices, " ")), "\n");
    }
  }
  return out;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, Shell shell) {
  const Tree tree = ReadTree(app);
  switch (shell) {
    case Shell::kBash:
      return BashScript(tree);
    case Shell::kZsh:
      return ZshScript(tree);
    case Shell::kFish:
      return FishScript(tree);
  }
  return "";
}

}  // namespace registry::cli
