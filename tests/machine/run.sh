#!/bin/bash
# tests/machine/run.sh [MACHINE…]: builds the package and tries it on Debian machines that
# are booted for that, as root. A MACHINE is
#
#   container   systemd-nspawn on this machine's kernel
#   SUITE       QEMU with the kernel of that suite of Debian: bookworm (6.1),
#               bookworm-backports (6.12), trixie-backports (7.3)
#
# and without one, all of these. MINI_MCP_PROFILE=release packages what is released;
# MINI_MCP_STEPS="install …" takes these files of guest/steps instead of all that fit;
# MINI_MCP_ATTACK_AS="caller …" attacks as these of the three identities alone, and
# MINI_MCP_ATTACK_CLASSES="ipc …" with these classes of probes.
# MINI_MCP_KEEP=1 keeps the folder of what came back.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/machine/host.sh

life="install units policy use ssh mistakes killed neighbours namespaces read-only http credentials otlp watchdog disk"
end="before-reboot reboot after-reboot upgrade journal purge"
other="rpm tarball"
# A container shares the clock.
kernel="clock doctor controllers fallbacks apparmor attacks"

# newest PATTERN: of the packages.
newest() { ls -t target/packages/$1 | head -n 1; }

# prepare MACHINE…: the packages, the tree, the kernels and the test binaries, for all
# machines. What others may make anew is taken while the lock is held, into a folder of
# this run's: all of it is of one build, and whole.
prepare() {
    local machine lock
    mkdir -p target/machine
    exec {lock}>target/machine/lock
    flock "$lock"
    taken=$(mktemp -d -p target/machine taken.XXXXXX)
    trap 'rm -rf "$taken"' EXIT
    MINI_MCP_PROFILE=${MINI_MCP_PROFILE:-dev} packaging/build.sh deb rpm tarball >&2
    cp "$(newest 'mini-mcp_*.deb')" "$taken/mini-mcp.deb"
    cp "$(newest 'mini-mcp-*.rpm')" "$taken/mini-mcp.rpm"
    cp "$(newest 'mini-mcp-*-linux.tar.xz')" "$taken/mini-mcp.tar.xz"
    if [ ! -e target/machine/tree.tar ] || [ tests/machine/image.sh -nt target/machine/tree.tar ]; then
        tests/machine/image.sh target/machine/tree.tar
    fi
    # It is replaced, never written to.
    ln target/machine/tree.tar "$taken/tree.tar"
    for machine in "$@"; do
        case " $(steps "$machine") " in *" attacks "*) [ -d "$taken/attacks" ] || make_attacks "$taken/attacks" ;; esac
        [ "$machine" = container ] || [ -e "target/machine/$machine/vmlinuz" ] ||
            tests/machine/kernel.sh "$machine" "target/machine/$machine"
    done
    exec {lock}>&-
}

# make_attacks FOLDER: the suite that attacks from inside, laid out as in a target directory.
make_attacks() {
    local program
    program=$(cargo test --quiet --locked --workspace --test attacks --no-run --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\/attacks-[^"]*\)".*/\1/p')
    [ -x "$program" ] || fail "cannot build the attack suite" "cargo test --workspace --test attacks --no-run"
    mkdir -p "$1/debug/deps" "$1/debug/.fingerprint"
    for file in mini-mcp mini-mcp-worker mini-mcp-test-peer; do strip -o "$1/debug/$file" "target/debug/$file"; done
    strip -o "$1/debug/deps/attacks" "$program"
    gcc -O1 -o "$1/probe" tests/attack/*.c
}

# make_root ROOT STEPS: the tree of a machine that takes these steps at its boot.
make_root() {
    local root=$1 site
    mkdir "$root"
    tar -C "$root" -xf "$taken/tree.tar"
    mkdir -p "$root/machine/out" "$root/machine/python" "$root/etc/systemd/system/graphical.target.wants"
    cp -r tests/machine/guest "$root/machine/in"
    cp README.md tests/readme.sh "$root/machine/in/"
    cp "$taken"/mini-mcp.* "$root/machine/in/"
    env | grep -E '^MINI_MCP_ATTACK_' | sed "s/=\(.*\)/='\1'/" >"$root/machine/in/attack.env" || true
    tr ' ' '\n' <<<"$2" >"$root/machine/in/steps.txt"
    site=$(target/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    tar -C "$site" --exclude='./pip*' --exclude='./setuptools*' --exclude='./pkg_resources' -cf - . |
        tar -C "$root/machine/python" -xf -
    cp tests/machine/guest/machine-test.service "$root/etc/systemd/system/"
    ln -s ../machine-test.service "$root/etc/systemd/system/graphical.target.wants/"
    case " $2 " in *" attacks "*) cp -r "$taken/attacks" "$root/machine/target" ;; esac
    chown -R 0:0 "$root/machine"
    # Where the machine is slow it is there from the start, as in an image that is deployed.
    case $2 in
    install*) ;;
    *) chroot "$root" dpkg --install /machine/in/mini-mcp.deb >/dev/null ;;
    esac
}

# boot MACHINE ROOT CONSOLE
boot() {
    case $1 in
    container) tests/machine/container.sh "$2" "$3" ;;
    *) tests/machine/qemu.sh "$2" "target/machine/$1" "$3" ;;
    esac
}

# steps MACHINE: those that it is to take, or that fit it.
steps() {
    if [ -n "${MINI_MCP_STEPS:-}" ]; then
        echo "$MINI_MCP_STEPS"
        return
    fi
    case $1 in
    container) echo "$life $end $other" ;;
    *) echo "${life/install/deployed} $kernel $end" ;;
    esac
}

# attempt MACHINE: boots it, and tells what it said.
attempt() {
    local status
    work=$(mktemp -d -p "$(fast_directory)" mini-mcp-machine.XXXXXX)
    [ -n "${MINI_MCP_KEEP:-}" ] || trap 'rm -rf --one-file-system "$work"' EXIT
    printf '== machine: %s\n' "$1"
    make_root "$work/root" "$(steps "$1")"
    boot "$1" "$work/root" "$work/console" || echo "run.sh: the machine did not end by itself"
    cat "$work/root/machine/out/log" 2>/dev/null || tail -n 20 "$work/console"
    status=$(cat "$work/root/machine/out/status" 2>/dev/null || echo none)
    if [ "$status" != 0 ]; then
        grep -E 'mini-mcp|systemd\[1\]|kernel: (BUG|WARN|Oops)' "$work/root/machine/out/journal" 2>/dev/null | tail -n 80 || true
        echo "run.sh: $1 failed (status $status)"
        return 1
    fi
}

main() {
    local machine failed=()
    need mmdebstrap target/venv/bin/python
    [ $# -gt 0 ] || set -- container bookworm bookworm-backports trixie-backports
    prepare "$@"
    for machine in "$@"; do
        (attempt "$machine") || failed+=("$machine")
    done
    [ ${#failed[@]} -eq 0 ] || fail "failed: ${failed[*]}" "the log of each is above"
}

main "$@"
