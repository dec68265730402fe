#!/usr/bin/env bash
# run.sh TARGET [SECONDS]: builds one fuzzer with clang, libFuzzer and AddressSanitizer, and runs it (default: an hour) on a
# copy of its corpus in build/fuzz. TARGET: command_decoder, selector, token, policy, config. What it finds stays in
# build/fuzz/TARGET; a new regression test belongs to each finding.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:?usage: tests/fuzz/run.sh command_decoder|selector|token|policy|config [SECONDS]}
seconds=${2:-3600}
[[ -f tests/fuzz/${target}_fuzz.cc ]] || { echo "there is no tests/fuzz/${target}_fuzz.cc"; exit 2; }
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "fuzz_$target"
work=build/fuzz/$target
mkdir -p "$work/corpus"
[[ -d tests/fuzz/corpus/$target ]] && cp -n "tests/fuzz/corpus/$target"/* "$work/corpus/"
exec build/fuzz/bin/"fuzz_$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
  -artifact_prefix="$work/" "$work/corpus"
