#include "cli/command_line.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/commands/commands.h"

namespace registry::cli {
namespace {

constexpr char kFooter[] =
    R"(Names: a service is SERVICE or NAMESPACE/SERVICE, an instance SERVICE/ID or NAMESPACE/SERVICE/ID.
Exit codes: 0 done, 1 error, 2 wrong usage, 3 not found, 4 the registry does not answer.

Examples:
  registry-cli status
  registry-cli register web --id i-1 --endpoint http=10.0.0.1:8080 --keep
  registry-cli lookup web --format '{{host}}:{{port}}'
  registry-cli lookup web -o json | jq '.instances[].id'

registry-cli COMMAND --help says more about each command.)";

// CLI11's help, with the values of an option where there is a fixed set of them, and its default
// behind the description.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_items_expected_max() == 0) return "";
    std::string type = option->get_type_name();  // "KEY=VALUE", or "TEXT:{table,wide,json}"
    if (const size_t open = type.find('{'); open != std::string::npos) {
      type = absl::StrReplaceAll(type.substr(open + 1, type.find('}') - open - 1), {{",", "|"}});
    }
    // The name of an argument says enough: "service TEXT" says no more than "service".
    if (option->get_positional() && type == "TEXT") return "";
    return absl::StrCat(" ", type);
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string& value = option->get_default_str();
    return absl::StrCat(option->get_description(),
                        value.empty() ? "" : absl::StrCat(" (default ", value, ")"));
  }
};

// CLI11 says only that "a subcommand is required", whatever was written.
std::string Explain(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<const CLI::App*> chosen =
      app.get_subcommands([](const CLI::App* command) { return command->parsed(); });
  if (chosen.empty()) {
    const std::vector<std::string> unknown = app.remaining();
    if (!unknown.empty()) {
      return absl::StrCat("\"", unknown[0], "\" is no ",
                          unknown[0].rfind('-', 0) == 0 ? "option" : "command",
                          ": registry-cli --help lists them");
    }
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
      return "no command given: registry-cli --help lists them";
    }
    return absl::StrCat(error.what(), ": see registry-cli --help");
  }
  return absl::StrCat(error.what(), ": see registry-cli ", chosen.front()->get_name(), " --help");
}

}  // namespace

std::unique_ptr<CLI::App> MakeCommandTree(GlobalOptions* options, Action* action) {
  auto app = std::make_unique<CLI::App>(
      "registry-cli: finds, registers and inspects the instances of services.", "registry-cli");
  app->formatter(std::make_shared<HelpFormatter>());
  app->fallthrough();  // global options may follow the command
  app->require_subcommand(1);
  app->set_version_flag("--version", "registry-cli " REGISTRY_CLI_VERSION,
                        "Print the program's version");
  app->set_help_flag("-h,--help", "Print this help");
  app->add_option("-s,--server", options->servers,
                  "HOST:PORT,HOST:PORT; else from REGISTRY_SERVER, else 127.0.0.1:7400")
      ->type_name("SERVERS");
  app->add_option("-o,--output", options->output, "How to print the answer")
      ->check(CLI::IsMember(std::vector<std::string>{"table", "wide", "json"}))
      ->capture_default_str();
  app->add_option("--timeout", options->timeout, "Limit of a call with all its tries")
      ->type_name("DURATION")
      ->capture_default_str();
  app->add_option("-n,--namespace", options->ns, "Namespace of names that have none of their own")
      ->capture_default_str();
  const auto add_file = [&app](const char* name, std::string* field, const char* what) {
    app->add_option(name, *field, what)->type_name("FILE");
  };
  add_file("--tls-ca", &options->tls_ca,
           "Who signed the registry's certificates; else REGISTRY_TLS_CA");
  add_file("--tls-cert", &options->tls_cert, "Certificate to show; else REGISTRY_TLS_CERT");
  add_file("--tls-key", &options->tls_key, "Its private key; else REGISTRY_TLS_KEY");
  add_file("--token-file", &options->token_file, "Token to show; else REGISTRY_TOKEN_FILE");
  app->footer(kFooter);
  AddRegister(*app, action);
  AddDeregister(*app, action);
  AddUpdate(*app, action);
  AddSetHealth(*app, action);
  AddLookup(*app, action);
  AddWatch(*app, action);
  AddServices(*app, action);
  AddInstances(*app, action);
  AddExplain(*app, action);
  AddHistory(*app, action);
  AddDiff(*app, action);
  AddDrain(*app, action);
  AddSubscribers(*app, action);
  AddConsumers(*app, action);
  AddDependencies(*app, action);
  AddService(*app, action);
  AddMaintenance(*app, action);
  AddGuard(*app, action);
  AddStatus(*app, action);
  AddBench(*app, action);
  AddRun(*app, action);
  AddSidecar(*app, action);
  AddLogLevel(*app, action);
  AddAuth(*app, action);
  AddTls(*app, action);
  AddMember(*app, action);
  AddBackup(*app, action);
  AddCompletion(*app, action);
  return app;
}

ExitCode RunCommandLine(int argc, const char* const* argv, Console console) {
  GlobalOptions options;
  Action action;
  const std::unique_ptr<CLI::App> app = MakeCommandTree(&options, &action);
  try {
    app->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return console.Print(app->help());
  } catch (const CLI::CallForVersion& version) {
    return console.Print(absl::StrCat(version.what(), "\n"));
  } catch (const CLI::ParseError& error) {
    return console.Usage(Explain(*app, error));
  }
  if (options.ns.empty()) return console.Usage("--namespace is empty: leave it out or name one");
  Session session(options, console);
  return action(session);
}

}  // namespace registry::cli
