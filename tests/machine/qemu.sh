#!/bin/bash
# tests/machine/qemu.sh ROOT KERNEL CONSOLE: boots the tree in QEMU without KVM, with the
# kernel that kernel.sh has put into the folder KERNEL. A machine of its own: all cgroup
# controllers, its own Landlock, at a tenth of the speed. Its /machine/out comes back.
set -euo pipefail
root=$1
kernel=$2
console=$3
. "$(dirname "$0")/host.sh"
need qemu-system-x86_64 mke2fs debugfs depmod

cp -a "$kernel/modules" "$root/usr/lib/"
depmod -b "$root" "$(ls "$kernel/modules")"
disk=$root.ext4
trap 'rm -f "$disk"' EXIT
mke2fs -q -t ext4 -O ^has_journal,^metadata_csum -E lazy_itable_init=1 -d "$root" "$disk" 2G >/dev/null

# Disks are nvme, which the kernel has built in. QEMU before 8 miscomputes cmpxchg16b, which
# this processor does not have.
timeout -k 5 "${MINI_MCP_MACHINE_TIME:-3600}" qemu-system-x86_64 \
    -M q35 -accel tcg,thread=multi,tb-size=1024 -cpu Nehalem,-cx16 -m 2048 -smp 2 \
    -nodefaults -no-user-config -display none -serial file:"$console" \
    -kernel "$kernel/vmlinuz" \
    -append "console=ttyS0 root=/dev/nvme0n1 rootwait rw panic=-1 mitigations=off audit=0 quiet systemd.show_status=false" \
    -drive file="$disk",format=raw,if=none,id=root,cache=unsafe -device nvme,drive=root,serial=root \
    -device virtio-rng-pci </dev/null
rm -rf "$root/machine/out"
debugfs -R "rdump /machine/out $root/machine" "$disk" 2>/dev/null
