#!/bin/bash
# packaging/build.sh: makes the package for Debian and its like in target/packages.
# MINI_MCP_PROFILE=quick builds in half the time; dev packages what `cargo build` makes, for
# tests on this machine alone.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
profile=${MINI_MCP_PROFILE:-release}
packages=$root/target/packages
tools=$root/target/tools

fail() {
    printf 'build.sh: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

# The tools, in the versions that these packages were tried with.
install_tools() {
    local tool wanted=(cargo-deb@3.8.0)
    [ "$profile" = dev ] || wanted+=(cargo-auditable@0.7.7)
    for tool in "${wanted[@]}"; do
        if ! grep -qsF "\"${tool/@/ } (" "$tools/.crates.toml"; then
            echo "installing $tool into target/tools" >&2
            CARGO_TARGET_DIR=$root/target/tools-build cargo install --quiet --locked --root "$tools" "$tool"
        fi
    done
    export PATH=$tools/bin:$PATH
}

# The time of everything in the packages: that of the commit.
stamp() {
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || true)}
    [ -n "$SOURCE_DATE_EPOCH" ] || fail "cannot tell the time of this source" "set SOURCE_DATE_EPOCH"
    export SOURCE_DATE_EPOCH
}

# Both programs, with the list of their crates inside, for `cargo audit bin`. No path
# of this machine stays in them.
build() {
    CARGO_TARGET_DIR=$root/target/package \
        RUSTFLAGS="--remap-path-prefix=$root=/mini-mcp --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
        cargo auditable build --quiet --locked --profile "$profile" --target "$target" -p mini-mcp -p mini-mcp-worker
}

# What the tests have built already.
build_dev() {
    cargo build --quiet --locked --workspace --bins
    (cd supervisor && cargo deb --quiet --no-build --strip --profile dev --output "$packages/")
}

make_deb() {
    (cd supervisor && CARGO_TARGET_DIR=$root/target/package cargo deb --quiet --no-build --no-strip \
        --profile "$profile" --target "$target" --output "$packages/")
}

stamp
install_tools
target=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$packages"
if [ "$profile" = dev ]; then
    build_dev
else
    build
    make_deb
fi
