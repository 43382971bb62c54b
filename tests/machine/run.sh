#!/bin/bash
# tests/machine/run.sh: builds the package, boots a Debian with systemd in a container,
# and has tests/machine/inside.sh install, use, break and purge it there. Needs root, the
# kernel of this machine, and systemd-container, mmdebstrap and lintian.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d -p /dev/shm mini-mcp-machine.XXXXXX)
name=mini-mcp-machine-$$
hierarchies=()
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -d "$hierarchy" ] && hierarchies+=("$hierarchy/$name")
done
clean() {
    local group
    for group in "${hierarchies[@]}"; do
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
    rm -rf --one-file-system "$work"
}
trap clean EXIT

for program in systemd-nspawn target/venv/bin/python; do
    command -v "$program" >/dev/null || {
        echo "run.sh: cannot find $program" >&2
        echo "hint: apt-get install systemd-container mmdebstrap lintian, and tests/run.sh" >&2
        exit 1
    }
done
MINI_MCP_PROFILE=${MINI_MCP_PROFILE:-dev} packaging/build.sh
tree=${MINI_MCP_TREE:-}
if [ -z "$tree" ]; then
    tree=$work/tree
    tests/machine/image.sh "$tree"
fi
mkdir "$work/in" "$work/out"
cp target/packages/mini-mcp_*.deb "$work/in/mini-mcp.deb"
cp tests/machine/{inside.sh,client.py,web.py} "$work/in/"
cat >"$work/in/machine-test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash -c '/machine/in/inside.sh >/machine/out/log 2>&1; echo $? >/machine/out/status; journalctl -b --no-pager >/machine/out/journal; systemctl poweroff --force --force'
UNIT
mkdir -p "$work/wants"
ln -s ../machine-test.service "$work/wants/machine-test.service"

site=$(target/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
(
    for group in "${hierarchies[@]}"; do
        mkdir -p "$group"
        echo "$BASHPID" >"$group/cgroup.procs"
    done
    # One tree of cgroups inside, and no filter of nspawn's, which forbids Landlock.
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_SECCOMP=0
    exec timeout -k 5 300 systemd-nspawn -q -M "$name" -D "$tree" --volatile=overlay --register=no \
        --keep-unit --private-network --capability=all \
        --bind-ro="$work/in:/machine/in" --bind="$work/out:/machine/out" \
        --bind-ro="$site:/machine/python" \
        --bind-ro="$work/in/machine-test.service:/etc/systemd/system/machine-test.service" \
        --bind-ro="$work/wants:/etc/systemd/system/graphical.target.wants" \
        --boot systemd.show_status=false </dev/null >"$work/out/console" 2>&1
) || true

status=$(cat "$work/out/status" 2>/dev/null || echo none)
cat "$work/out/log" 2>/dev/null || tail -n 20 "$work/out/console"
if [ "$status" != 0 ]; then
    grep -E 'mini-mcp|systemd\[1\]' "$work/out/journal" 2>/dev/null | tail -n 80 || true
    echo "run.sh: the machine test failed (status $status)" >&2
    exit 1
fi
