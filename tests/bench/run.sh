#!/usr/bin/env bash
# Builds the release preset and runs the benchmarks: registryd beside a server that does nothing and, where they can
# be had, beside etcd and ZooKeeper, in one run.
#
#   tests/bench/run.sh                      all workloads
#   tests/bench/run.sh lookup register      some of them: lookup register batch renew watch storm mixed security
#                                           expire growth
#   tests/bench/run.sh --without-peers ...  registryd and the do-nothing server only
#   tests/bench/run.sh --rounds 9 ...       other options of registry_bench: --rounds N --seconds S --largest N
#   tests/bench/run.sh --smoke              seconds; shows that it works, measures nothing
#
# The table goes to the terminal; numbers (results.json), the table and a picture of each workload go to
# build/bench/<date>. Keep the machine quiet meanwhile.
#
# The peers are Debian's packages etcd-server, zookeeper and libzookeeper-mt-dev. They are installed when this runs as
# root; their services are not started. Without them the run says so and goes on.
set -euo pipefail
cd "$(dirname "$0")/../.."
deploy/install-packages.sh

peers=(etcd-server zookeeper libzookeeper-mt-dev)
options=()
with_peers=1
for argument in "$@"; do
  case $argument in
    --without-peers) with_peers=0 ;;
    --smoke) with_peers=0; options+=(--smoke) ;;
    *) options+=("$argument") ;;
  esac
done
missing=()
for package in "${peers[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == "ii "* ]] || missing+=("$package")
done
if [[ $with_peers -eq 1 && ${#missing[@]} -gt 0 ]]; then
  echo "bench: installing ${missing[*]}" >&2
  # A policy that forbids services to start keeps the machine quiet.
  policy=/usr/sbin/policy-rc.d
  if [[ $(id -u) -eq 0 && ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy"
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null && missing=()
    rm -f "$policy"
  fi
  if [[ ${#missing[@]} -gt 0 ]]; then
    echo "bench: not installed: ${missing[*]}; the run goes on without etcd and ZooKeeper" >&2
    with_peers=0
  fi
fi
if [[ $with_peers -eq 1 ]]; then options+=(--peers); fi

cmake --preset release >/dev/null
cmake --build --preset release --target registryd registry-cli do_nothing_server registry_bench
exec build/release/bin/registry_bench --out "build/bench/$(date +%F-%H%M%S)" "${options[@]}"
