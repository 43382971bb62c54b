#!/bin/bash
# packaging/reproduce.sh [COMMIT [FORMAT…]]: makes the packages of a commit, or those of
# these formats, twice, from clones in folders of different names, and fails unless they
# are the same, byte by byte. It takes as long as two builds from nothing; the test of
# packages compares those of one build.
set -euo pipefail
cd "$(dirname "$0")/.."
commit=$(git rev-parse --verify "${1:-HEAD}^{commit}")
formats=("${@:2}")
# What packs is of a version that build.sh names: made once for both.
export MINI_MCP_TOOLS=${MINI_MCP_TOOLS:-$PWD/target/tools}
work=$(mktemp -d "${TMPDIR:-/tmp}/mini-mcp-reproduce.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
for folder in first second/in-another-folder; do
    git clone --quiet . "$work/$folder"
    git -C "$work/$folder" checkout --quiet --detach "$commit"
    echo "making $commit in $work/$folder" >&2
    (cd "$work/$folder" && umask "$([ "$folder" = first ] && echo 022 || echo 077)" && packaging/build.sh "${formats[@]}")
done
if diff "$work/first/target/packages/SHA256SUMS" "$work/second/in-another-folder/target/packages/SHA256SUMS"; then
    cat "$work/first/target/packages/SHA256SUMS"
    echo "reproduced: $commit"
else
    echo "reproduce.sh: the packages of $commit differ" >&2
    echo "hint: build with one toolchain, and look at what differs with diffoscope" >&2
    exit 1
fi
