#!/bin/sh
# Builds libraft 0.22.1 with its asserts: Debian's package has none, so a misuse of the core is silent in it.
#
#   apt-get source --download-only raft        # with a deb-src line for bookworm-backports
#   tests/sim/build_assert_core.sh raft_0.22.1.orig.tar.gz build/libraft-assert/libraft.a
#   cmake --preset dev -DREGISTRYD_RAFT=$PWD/build/libraft-assert/libraft.a
#
# CFLAGS may ask for sanitizers.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 raft_0.22.1.orig.tar.gz OUT/libraft.a" >&2; exit 2; }
tarball=$1
library=$2
expected=7e45b6f24f3671c9bfd5b146814493f87cb2e560712bd469c1f5969a4b94291a
echo "$expected  $tarball" | sha256sum --check --quiet || { echo "$tarball is not libraft 0.22.1" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xzf "$tarball" -C "$work" --strip-components=1
# raft_uv (uv*.c) and the test fixture are not used. raft.h is the installed one: the source has only a template.
for source in "$work"/src/*.c; do
  case $(basename "$source" .c) in
    uv | uv_* | fixture | compress) continue ;;
  esac
  ${CC:-cc} ${CFLAGS:--O1 -g} -UNDEBUG -fPIC -w -c "$source" -o "$work/$(basename "$source" .c).o"
done
mkdir -p "$(dirname "$library")"
rm -f "$library"
ar rcs "$library" "$work"/*.o
echo "$library"
