#!/usr/bin/env bash
# Installs what registryd needs to build and to pass its tests, from Debian 12 alone.
#
#   deploy/install-packages.sh            build and test packages
#   deploy/install-packages.sh --tidy     also clang, clang-tidy and clang-format (preset `clang`), and doxygen
#
# libraft comes from bookworm-backports, because bookworm's own 0.15 loses acknowledged writes (docs/adr/0001).
# Where the machine does not have that suite yet, it is added with the machine's own mirror. Debian gives
# backports a low priority, so nothing else comes from it. Runs as root, or as a user with sudo. Does nothing
# when everything is there, and never upgrades what is there already, libraft excepted.
set -euo pipefail

raft_version='0.22.1-1~bpo12+1'
packages=(
  build-essential cmake ninja-build pkg-config ccache ca-certificates procps
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc librocksdb-dev libabsl-dev
  libspdlog-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libssl-dev prometheus-cpp-dev libboost1.81-dev
  libxxhash-dev libjemalloc-dev libgtest-dev libgmock-dev python3 python3-yaml
  # libraft.a needs these
  liblz4-dev libuv1-dev
)
case ${1:-} in
  '') ;;
  --tidy) packages+=(clang clang-tidy clang-format doxygen) ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

fail() { echo "install-packages: $*" >&2; exit 1; }

as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "run as root, or install sudo: cannot run: $*"
  fi
}

installed() { [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == "ii "* ]]; }

missing=()
for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
have_raft=none
if installed libraft-dev; then have_raft=$(dpkg-query -W -f '${Version}' libraft-dev); fi
[[ $have_raft == "$raft_version" ]] || missing+=("libraft-dev=$raft_version" "libraft0=$raft_version")
if [[ ${#missing[@]} -eq 0 ]]; then exit 0; fi

. /etc/os-release
[[ ${VERSION_CODENAME:-} == bookworm ]] \
  || fail "this is ${PRETTY_NAME:-unknown}; registryd builds on Debian 12 (bookworm)."

# The first mirror that this machine uses for a suite, in either format of apt's sources. Empty: none.
mirror_of() {
  local suite=$1 files=(/etc/apt/sources.list.d/*.sources)
  {
    [[ ! -e ${files[0]} ]] || awk -v suite="$suite" '
      function flush() {
        if (uris != "" && types ~ /(^| )deb( |$)/ && enabled && index(" " suites " ", " " suite " ")) {
          split(uris, u, " ")
          print u[1]
        }
        uris = suites = types = ""
        enabled = 1
      }
      FNR == 1 || /^[ \t]*$/ { flush() }
      /^Types:/ { sub(/^Types:[ \t]*/, ""); types = $0 }
      /^URIs:/ { sub(/^URIs:[ \t]*/, ""); uris = $0 }
      /^Suites:/ { sub(/^Suites:[ \t]*/, ""); suites = $0 }
      /^Enabled:[ \t]*(no|false|0)/ { enabled = 0 }
      END { flush() }' "${files[@]}"
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null \
      | sed -nE "s/^deb[ \t]+(\[[^]]*\][ \t]+)?([^ \t]+)[ \t]+$suite[ \t].*/\2/p" || true
  } | sed -n 1p
}

if [[ $have_raft != "$raft_version" && -z $(mirror_of bookworm-backports) ]]; then
  mirror=$(mirror_of bookworm)
  [[ -n $mirror ]] || fail "no bookworm suite in /etc/apt/sources.list*; add one, then run this again."
  echo "install-packages: adding the suite bookworm-backports of $mirror" >&2
  as_root tee /etc/apt/sources.list.d/registryd-backports.sources >/dev/null <<SOURCES
Types: deb
URIs: $mirror
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
fi

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq "$@"; }
echo "install-packages: installing ${missing[*]}" >&2
apt_get update
apt_get install -y --no-install-recommends --allow-downgrades "${missing[@]}" >/dev/null
