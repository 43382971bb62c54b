#!/bin/bash
# Installs what the tests need, builds everything and runs all checks and tests.
# The tests start processes of several users, so this must run as root, on a
# machine that may be used for it: accounts named mmtest-… are made and stay.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

if [ "$(id -u)" -ne 0 ]; then
    echo "run.sh: the tests start processes of several users, which needs root" >&2
    echo "hint: sudo env \"PATH=\$PATH\" tests/run.sh" >&2
    exit 1
fi
if ! command -v cargo >/dev/null; then
    echo "run.sh: cannot find cargo" >&2
    echo "hint: install a Rust toolchain, 1.88 or newer: https://rustup.rs" >&2
    exit 1
fi

# Programs that the tests or the commands in them start, and their packages.
packages() {
    local program package
    while read -r program package; do
        command -v "$program" >/dev/null || echo "$package"
    done <<-END
	/usr/bin/python3 python3
	ps procps
	gcc gcc
	useradd passwd
	mount mount
	setsid util-linux
	bwrap bubblewrap
	groff groff-base
	git git
	node nodejs
	make make
	rg ripgrep
	sqlite3 sqlite3
	openssl openssl
	curl curl
	man man-db
	less less
	perl perl
	script bsdutils
	pgrep procps
	bc bc
	bzip2 bzip2
	xz xz-utils
	zstd zstd
	patch patch
	column bsdextrautils
	journalctl systemd
	infocmp ncurses-bin
	bash bash
	awk mawk
	find findutils
	chromium chromium
	chromedriver chromium-driver
	systemd-analyze systemd
	npm npm
	systemd-nspawn systemd-container
	mmdebstrap mmdebstrap
	qemu-system-x86_64 qemu-system-x86
	mke2fs e2fsprogs
	depmod kmod
	strip binutils
	/usr/sbin/apparmor_parser apparmor
	rpm rpm
	lintian lintian
	END
    /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
    [ -e /usr/include/stdio.h ] || echo libc6-dev
}

step "Prerequisites"
mapfile -t missing < <(packages)
if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing ${missing[*]}"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
# The system's interpreter, which every user can execute.
venv=target/venv
if ! "$venv/bin/python" -c 'import importlib.metadata as m; assert m.version("mcp").startswith("2.3.") and m.version("tombi").startswith("1.9."); m.version("prometheus_client")' 2>/dev/null; then
    echo "installing the official Python client, a TOML language server and a parser of metrics into $venv"
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install 'mcp==2.3.*' 'tombi==1.9.*' 'prometheus_client>=0.20'
fi
# The public conformance suite, the official TypeScript clients and the inspector, and the
# interpreter that they need.
node=target/node/node_modules
wanted="conformance@0.2.0-alpha.12 client@2.3.1 sdk@1.32.2 inspector@2.12.0"
is_installed() {
    [ "$("$node/node/bin/node" -p 'require(process.argv[1]).version' \
        "$PWD/$node/@modelcontextprotocol/${1%@*}/package.json" 2>/dev/null)" = "${1#*@}" ]
}
lacking=""
for package in $wanted; do
    is_installed "$package" || lacking="$lacking $package"
done
if [ -n "$lacking" ]; then
    echo "installing the conformance suite and npm's MCP clients into target/node"
    rm -rf target/node
    mkdir -p target/node
    # shellcheck disable=SC2086
    npm install --prefix target/node --silent --no-audit --no-fund \
        node@22 $(printf '@modelcontextprotocol/%s ' $wanted)
    [ -x "$node/node/bin/node" ] || (cd "$node/node" && npm run --silent preinstall)
fi
# The kernel's recorder, by which the benchmark suite tells stages.
[ -e /sys/kernel/tracing/instances ] || mount -t tracefs tracefs /sys/kernel/tracing
for component in rustfmt clippy; do
    cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$component"
done

step "Format"
cargo fmt --all --check
step "Lints"
cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
step "Build"
# The tests drive binaries of other packages, which cargo does not build for them.
cargo build --quiet --locked --workspace --bins
step "Tests"
report=target/tests.txt
# Not through a pipe, which whatever a failed test has left behind would keep open; and as a
# group of its own, which is ended with this.
set -m
cargo test --quiet --locked --workspace --no-fail-fast </dev/null >"$report" 2>&1 &
tests=$!
set +m
trap 'kill -- "-$tests" 2>/dev/null || true' EXIT
tail -n +1 -f --pid="$tests" "$report"
status=0
wait "$tests" || status=$?
# One line for all of cargo's, of which there is one for each test binary.
awk '/^test result:/ { passed += $4; failed += $6 } END { printf "\n%d passed, %d failed\n", passed, failed }' "$report"
exit "$status"
