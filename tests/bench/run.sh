#!/usr/bin/env bash
# Builds the release preset and runs the benchmarks: registryd beside a server that does nothing, in one run.
#
#   tests/bench/run.sh                      all workloads, about three minutes
#   tests/bench/run.sh lookup register      some of them
#   tests/bench/run.sh --smoke              seconds; shows that it works, measures nothing
#
# The table goes to the terminal, the numbers to build/bench/results.json. Keep the machine quiet meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
deploy/install-packages.sh
cmake --preset release >/dev/null
cmake --build --preset release --target registryd do_nothing_server registry_bench
mkdir -p build/bench
exec build/release/bin/registry_bench --out build/bench/results.json "$@"
