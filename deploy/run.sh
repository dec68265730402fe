#!/usr/bin/env bash
# From a fresh checkout to a running registry: installs what is missing, builds, starts registryd with its defaults
# (API on 127.0.0.1:7400, data in ./registry-data of the project), registers a demonstration instance and looks it up.
#
#   deploy/run.sh             then keeps the daemon running until Ctrl-C (where there is no terminal: stops it)
#   deploy/run.sh --once      stops it after the demonstration
#   deploy/run.sh --keep      keeps it running in any case
#   deploy/run.sh -- --listen 127.0.0.1:7500     the rest goes to registryd; REGISTRYD_* variables count too
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

keep=0
[[ ! -t 0 ]] || keep=1
while [[ $# -gt 0 ]]; do
  case $1 in
    --once) keep=0; shift ;;
    --keep) keep=1; shift ;;
    --) shift; break ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
done

say() { printf '\n== %s\n' "$*"; }
fail() { echo "deploy/run.sh: $*" >&2; exit 1; }

# Found now rather than after the build. Whoever gets the port in between is reported by registryd itself.
if [[ $# -eq 0 && -z ${REGISTRYD_LISTEN:-} ]] && (exec 3<>/dev/tcp/127.0.0.1/7400) 2>/dev/null; then
  fail "port 7400 of 127.0.0.1 is taken, perhaps by another registryd. Stop that one, or choose other ports:
  REGISTRYD_LISTEN=127.0.0.1:7500 REGISTRYD_PEER_LISTEN=127.0.0.1:7501 REGISTRYD_HTTP_LISTEN=127.0.0.1:7502 deploy/run.sh"
fi

say "packages (the first time: a minute or two)"
deploy/install-packages.sh
say "build (the first time: several minutes)"
mkdir -p build
cmake --preset release >build/configure.log || { tail -n 20 build/configure.log >&2; fail "cmake failed, see build/configure.log"; }
cmake --build --preset release --target registryd registry-cli

bin=$PWD/build/release/bin
ready=$(mktemp -d)
daemon=
stop() {
  trap '' INT TERM
  if [[ -n $daemon ]] && kill -TERM "$daemon" 2>/dev/null; then
    wait "$daemon" || stopped=$?
  fi
  rm -rf "$ready"
}
trap stop EXIT
trap 'exit 0' INT TERM
stopped=0

say "starting registryd"
"$bin/registryd" --ready-file "$ready/file" "$@" &
daemon=$!
for ((tries = 0; tries < 300; tries++)); do
  [[ ! -e $ready/file ]] || break
  kill -0 "$daemon" 2>/dev/null || { daemon=; fail "registryd did not start; its last lines above say why"; }
  sleep 0.1
done
[[ -e $ready/file ]] || fail "registryd is not ready after 30 s; its last lines above may say why"
REGISTRY_SERVER=$(sed -n 's/^api=//p' "$ready/file")
export REGISTRY_SERVER

show() { printf '\n$ registry-cli %s\n' "$*"; "$bin/registry-cli" "$@"; }
show register demo --id hello-1 --endpoint http=127.0.0.1:8080 --ttl 1m
show lookup demo
show status

if [[ $keep -eq 1 ]]; then
  say "registryd serves on $REGISTRY_SERVER; $bin/registry-cli talks to it; Ctrl-C stops it"
  wait "$daemon" && status=0 || status=$?
  daemon=
  exit "$status"
fi
say "stopping registryd"
kill -TERM "$daemon"
wait "$daemon" || { status=$?; daemon=; fail "registryd ended with status $status"; }
daemon=
echo "stopped; deploy/run.sh --keep leaves it running"
