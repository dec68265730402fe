#!/usr/bin/env bash
# The simulation and the tests of consensus with a libraft that has its asserts, under AddressSanitizer and UBSan: the core
# is built from Debian's source package, whose binary package has none.
#
#   tests/sim/run_assert_core.sh                    # 1,000 seeds
#   SIM_SEEDS=20000 tests/sim/run_assert_core.sh
#   SIM_SEED=17 tests/sim/run_assert_core.sh        # that one
#
# Needs the network of apt for the source package (bookworm-backports, as deploy/install-packages.sh sets it up). Leaves its
# build in build/assert-core.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$PWD/build/assert-core
tarball=$build/raft_0.22.1.orig.tar.gz
mkdir -p "$build"

if [[ ! -f $tarball ]]; then
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm-backports' | head -n 1)
  [[ -n $uri ]] || { echo "no bookworm-backports among apt's sources; run deploy/install-packages.sh" >&2; exit 1; }
  apt=$(mktemp -d)
  trap 'rm -rf "$apt"' EXIT
  mkdir -p "$apt/lists/partial"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri bookworm-backports main" > "$apt/sources.list"
  options=(-o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$apt/lists")
  apt-get "${options[@]}" -qq update
  # Only the upstream tarball is needed, which outlives Debian's part of the package on the mirrors.
  (cd "$build" && apt-get "${options[@]}" -qq source --download-only raft) || [[ -f $tarball ]]
fi
CFLAGS="-O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer" \
  tests/sim/build_assert_core.sh "$tarball" "$build/libraft/libraft.a"
cmake --preset asan -B "$build/tree" -DREGISTRYD_RAFT="$build/libraft/libraft.a"
cmake --build "$build/tree" -j2 --target sim unit_consensus
export UBSAN_OPTIONS=print_stacktrace=1 SIM_SEEDS=${SIM_SEEDS:-1000}
"$build/tree/bin/unit_consensus" --gtest_brief=1
"$build/tree/bin/sim" --gtest_brief=1
