#!/bin/bash
# tests/machine/image.sh TAR: makes a small Debian with systemd, of this machine's own
# release, so that its Python client and its test binaries run inside as well.
set -euo pipefail
tar=$1
. "$(dirname "$0")/host.sh"
need mmdebstrap
trap 'rm -f "$tar.part"' EXIT
TMPDIR=$(fast_directory) mmdebstrap --quiet --variant=minbase --format=tar \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --include=systemd-sysv,dbus,udev,kmod,procps,libpam-systemd,python3,adduser,mount,apparmor,sudo,rpm,xz-utils,openssh-server,openssh-client \
    --customize-hook='echo machine >"$1/etc/hostname"' \
    --customize-hook='printf "127.0.0.1 localhost machine\n" >"$1/etc/hosts"' \
    --customize-hook='echo 0123456789abcdef0123456789abcdef >"$1/etc/machine-id"' \
    --customize-hook='systemctl --root="$1" -q mask getty@tty1.service serial-getty@.service console-getty.service \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
        fstrim.timer systemd-timesyncd.service systemd-pstore.service ssh.service' \
    --customize-hook='mkdir -p "$1/var/log/journal" "$1/machine"' \
    --customize-hook='touch "$1/etc/.updated" "$1/var/.updated"' \
    "$release" "$tar.part" "$mirror" >&2
mv "$tar.part" "$tar"
