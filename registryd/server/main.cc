#include "registryd/server/program.h"

// For jemalloc, where the build has it: memory that a burst used goes back to the system also when
// nothing is allocated any more.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:0";
}

int main(int argc, char** argv) { return registryd::server::Run(argc, argv); }
