#include "registryd/server/program.h"

int main(int argc, char** argv) { return registryd::server::Run(argc, argv); }
