#!/bin/bash
# tests/machine/image.sh TREE: builds a small Debian with systemd in the directory TREE,
# of this machine's own release, so that its Python client runs inside as well.
set -euo pipefail
tree=$1
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
for program in mmdebstrap systemd-nspawn; do
    command -v "$program" >/dev/null || {
        echo "image.sh: cannot find $program" >&2
        echo "hint: apt-get install mmdebstrap systemd-container" >&2
        exit 1
    }
done
rm -rf --one-file-system "$tree"
mkdir -p "$tree"
mmdebstrap --quiet --variant=minbase \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include=systemd-sysv,dbus,procps,libpam-systemd,python3,adduser,mount \
    "$suite" "$tree" "$mirror" >&2
echo machine >"$tree/etc/hostname"
echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id" # no first boot
systemctl --root="$tree" -q mask getty@tty1.service console-getty.service apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
mkdir -p "$tree/var/log/journal"
