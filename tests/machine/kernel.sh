#!/bin/bash
# tests/machine/kernel.sh SUITE FOLDER: the stock kernel that a suite of Debian has for
# clouds, which boots without an initrd: FOLDER/vmlinuz and FOLDER/modules.
set -euo pipefail
suite=$1
folder=$2
. "$(dirname "$0")/host.sh"
need dpkg-deb depmod
work=$(mktemp -d -p "$(fast_directory)" mini-mcp-kernel.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

# An apt of its own, so that this machine's is left as it is.
mkdir -p "$work"/{lists/partial,cache/archives/partial,deb,root}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources"
touch "$work/status"
apt() {
    "$1" -qq -o Dir::Etc::SourceList="$work/sources" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::State::Status="$work/status" \
        -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root "${@:2}"
}
depends() { apt apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-[a-z]*-[0-9].*\)$/\1/p'; }

apt apt-get update
image=$(depends linux-image-cloud-amd64 | grep '^linux-image-' | head -n 1)
[ -n "$image" ] || fail "suite $suite has no linux-image-cloud-amd64" "name another suite"
# Newer suites have the kernel and its modules in packages of their own.
mapfile -t packages < <(echo "$image"; depends "$image" | grep -E '^linux-(binary|modules)-')
(cd "$work/deb" && apt apt-get download "${packages[@]}")
for package in "$work"/deb/*.deb; do dpkg-deb --extract "$package" "$work/root"; done

modules=$(find "$work/root" -type d -path '*/lib/modules/[0-9]*' -prune | head -n 1)
[ -n "$modules" ] || fail "no modules in $(ls "$work/deb")" "look at what $suite calls its kernels"
rm -rf "$folder"
mkdir -p "$folder/modules"
cp "$(find "$work/root" -name 'vmlinuz*' -type f | head -n 1)" "$folder/vmlinuz.part"
cp -a "$modules" "$folder/modules/"
mv "$folder/vmlinuz.part" "$folder/vmlinuz"
