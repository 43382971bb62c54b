#!/bin/bash
# Runs as root on the booted machine, once at each boot: the steps that /machine/in/steps
# names, each at most once, so that what follows a reboot goes on where it was.
set -uo pipefail
cd /machine/in
out=/machine/out

finish() {
    echo "$1" >$out/status
    journalctl --no-pager --output=short-monotonic >$out/journal
    sync
    systemctl poweroff --force --force
    exit
}

while read -r step; do
    if grep -qsx "$step" $out/done; then continue; fi
    if grep -qsx "$step" $out/begun; then
        echo "FAILED: the machine went down in the midst of $step" >>$out/log
        finish 1
    fi
    echo "$step" >>$out/begun
    echo "== $step ($(cut -d ' ' -f 1 /proc/uptime) s)" >>$out/log
    if [ "$step" = reboot ]; then
        echo "$step" >>$out/done
        cat /proc/sys/kernel/random/boot_id >$out/former-boot
        systemctl reboot
        exit
    fi
    bash -c '. ./lib.sh && . "./steps/$1.sh"' "$step" "$step" >>$out/log 2>&1 || echo "$step" >>$out/failed
    echo "$step" >>$out/done
done <"./steps.txt"
if [ -s $out/failed ]; then
    echo "== failed: $(tr '\n' ' ' <$out/failed)" >>$out/log
    finish 1
fi
echo "== all is well ($(cut -d ' ' -f 1 /proc/uptime) s)" >>$out/log
finish 0
