#!/bin/sh
# Builds Mini MCP and shows its main job: a real MCP client, `mini-mcp stdio` and
# the worker on the embedded policy. Needs a Rust toolchain and Linux, no root.
set -eu
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
    echo "demo.sh: cannot find cargo" >&2
    echo "hint: install a Rust toolchain, 1.88 or newer: https://rustup.rs" >&2
    exit 1
fi

cargo build --profile quick --quiet --locked -p mini-mcp -p mini-mcp-worker
exec cargo run --profile quick --quiet --locked -p mini-mcp-tests --example demo
