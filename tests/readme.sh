#!/bin/bash
# tests/readme.sh README HEADING [NUMBER]: runs what the README has a reader type, the
# `sh` blocks below that heading, or the one of that number, line by line in the current
# directory; stops at the first that fails.
set -euo pipefail
readme=$1 heading=$2 number=${3:-}

# Between the marks of the blocks, of which others (toml, console, …) are no commands.
commands=$(awk -v heading="## $heading" -v number="$number" '
    /^```/ { if (inside) { inside = 0; block = 0; next }
             inside = 1; block = below && $0 == "```sh"; count += block; next }
    !inside && /^## / { below = $0 == heading }
    block && (number == "" || count == number) { print }' "$readme")
if [ -z "$commands" ]; then
    echo "readme.sh: cannot find commands below \"$heading\" in $readme" >&2
    exit 1
fi
bash -euo pipefail -v -c "$commands"
