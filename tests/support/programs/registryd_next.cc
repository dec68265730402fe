// A registryd as it may be one day: it knows feature level 2, of which deregistrations are.
#include "registryd/server/program.h"
#include "registryd/wire/feature_level.h"

int main(int argc, char** argv) {
  registryd::wire::SetBuildForTest({.feature_level = 2, .deregister_level = 2});
  return registryd::server::Run(argc, argv);
}
