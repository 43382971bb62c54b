#!/bin/bash
# tests/machine/container.sh ROOT CONSOLE: boots the tree under systemd-nspawn, on this
# machine's kernel: at native speed, and with the cgroup controllers that there are.
set -euo pipefail
root=$1
console=$2
. "$(dirname "$0")/host.sh"
need systemd-nspawn

name=mini-mcp-machine-$$
hierarchies=()
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    if [ -d "$hierarchy" ]; then hierarchies+=("$hierarchy/$name"); fi
done
clean() {
    local group
    for group in "${hierarchies[@]}"; do
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
    rmdir "/run/systemd/nspawn/propagate/$name" 2>/dev/null || true
}
trap clean EXIT
boot() (
    for group in "${hierarchies[@]}"; do
        mkdir -p "$group"
        echo "$BASHPID" >"$group/cgroup.procs"
    done
    # One tree of cgroups inside, and no filter of nspawn's, which forbids Landlock.
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_SECCOMP=0
    exec timeout -k 5 600 systemd-nspawn -q -M "$name" -D "$root" --register=no --keep-unit \
        --private-network --capability=all --resolv-conf=off --timezone=off --link-journal=no \
        --boot systemd.show_status=false </dev/null >>"$console" 2>&1
)
# A machine that reboots makes it exit with 133.
status=133
while [ "$status" = 133 ]; do
    status=0
    boot || status=$?
done
exit "$status"
