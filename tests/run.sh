#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests. Exit status 0 only when everything passed; the last lines are
# ctest's summary of the whole suite.
#
#   tests/run.sh                     what CI runs: everything, with the preset dev
#   tests/run.sh --preset asan       unit and sim under AddressSanitizer and UBSan; --preset may be repeated
#                                    (dev, asan, tsan, clang, release)
#   tests/run.sh --preset dev -- -L unit -R Lease     the rest goes to ctest
#
# Needs a network only to install packages. Leaves its builds in build/<preset>, and no process.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

presets=()
ctest_arguments=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --preset) [[ $# -ge 2 ]] || { echo "tests/run.sh: --preset needs a name" >&2; exit 2; }; presets+=("$2"); shift 2 ;;
    --) shift; ctest_arguments=("$@"); break ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
done
[[ ${#presets[@]} -gt 0 ]] || presets=(dev)

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

# Programs of one preset's build that run now: "pid path" lines.
running_programs() {
  local exe path
  for exe in /proc/[0-9]*/exe; do
    path=$(readlink "$exe" 2>/dev/null) || continue
    [[ $path != "$PWD/build/$1/bin/"* ]] || echo "${exe//[^0-9]/} $path"
  done
}

say "packages"
deploy/install-packages.sh

for preset in "${presets[@]}"; do
  # The sanitizers need not see the processes of the integration tests; those run in the other presets.
  labels=()
  targets=()
  case $preset in
    asan | tsan)
      if [[ ${#ctest_arguments[@]} -eq 0 ]]; then
        labels=(-L '^(unit|sim)$')
        targets=(--target tests_unit tests_sim)
      fi
      ;;
  esac
  say "$preset: configure"
  cmake --preset "$preset"
  say "$preset: build"
  cmake --build --preset "$preset" -j2 "${targets[@]}"
  [[ $preset != clang ]] || continue
  say "$preset: test"
  before=$(running_programs "$preset")
  UBSAN_OPTIONS=print_stacktrace=1 LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp ctest --preset "$preset" -j2 --no-tests=error "${labels[@]}" "${ctest_arguments[@]}"
  left=$(comm -13 <(sort <<<"$before") <(running_programs "$preset" | sort))
  if [[ -n $left ]]; then
    printf 'tests/run.sh: the tests left processes behind:\n%s\n' "$left" >&2
    exit 1
  fi
done
