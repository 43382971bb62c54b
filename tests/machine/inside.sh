#!/bin/bash
# Runs as root on the booted machine of tests/machine/run.sh: the life of an installed
# Mini MCP, from the package to its purge.
set -euo pipefail

step() { printf '== %s\n' "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}
# has TEXT PATTERN: the text matches, or else it is shown.
has() { grep -qE -- "$2" <<<"$1" || fail "no \`$2\` in: $1"; }
# eventually COMMAND…: until it succeeds, at most 20 seconds.
eventually() {
    local try
    for try in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    fail "never: $*"
}
show() { systemctl show --value --property "$2" "$1"; }
# call USER TOOL [ARGUMENTS]: the report of the official client, run as the user.
call() {
    local arguments=${3-}
    runuser -u "$1" -- env PYTHONPATH=/machine/python PYTHONDONTWRITEBYTECODE=1 \
        python3 /machine/in/client.py "$2" "${arguments:-{\}}"
}
# refused USER: hung up on, while his input is still open.
refused() {
    local said
    if said=$(sleep 2 | runuser -u "$1" -- mini-mcp connect 2>&1); then fail "$1 was let in: $said"; fi
    has "$said" 'closed the connection without an answer'
}
active() {
    local unit
    for unit in "$@"; do
        [ "$(show "$unit" ActiveState)" = active ] || return 1
    done
}
none_failed() {
    local failed
    failed=$(systemctl --failed --no-legend --plain)
    [ -z "$failed" ] || fail "failed units: $failed"
}

step "install"
find / -xdev -not -path '/proc/*' -not -path '/sys/*' -not -path '/run/*' -not -path '/tmp/*' \
    -not -path '/machine/*' 2>/dev/null | sort >/tmp/before
dpkg --install /machine/in/mini-mcp.deb
active mini-mcp.socket mini-mcp.service mini-mcp-worker.socket || fail "not started"
eventually active mini-mcp-worker.service
[ "$(systemctl is-enabled mini-mcp.service mini-mcp.socket mini-mcp-worker.socket | sort -u)" = enabled ] ||
    fail "not enabled"
has "$(show mini-mcp.service StatusText)" '^serving policy [0-9a-f]{12}$'
has "$(show mini-mcp-worker.service StatusText)" '^policy [0-9a-f]{12}, containment cgroup, Landlock ABI [1-9]'
has "$(show mini-mcp-worker.service ControlGroup)" '^/minimcp.slice/'
has "$(stat -c '%U:%G %a' /run/mini-mcp /run/mini-mcp/mcp.sock /run/mini-mcp-worker/worker.sock | tr '\n' ' ')" \
    '^root:root 755 root:root 666 mini-mcp:mini-mcp 600 $'

step "units as systemd sees them"
said=$(systemd-analyze verify --man=no mini-mcp.service mini-mcp-worker.service 2>&1 |
    grep -v -e "'RestartSteps'" -e "'RestartMaxDelaySec'" -e RestartSteps || true)
[ -z "$said" ] || fail "systemd-analyze verify: $said"
supervisor=$(show mini-mcp.service MainPID)
has "$(cat "/proc/$supervisor/status")" '^CapBnd:	0+$'
has "$(cat "/proc/$supervisor/status")" "^Uid:	$(id -u mini-mcp)	"
worker=$(show mini-mcp-worker.service MainPID)
has "$(cat "/proc/$worker/status")" '^CapEff:	00000000000000e4$'

step "nothing is allowed, nobody is known"
useradd --create-home alice
useradd --create-home mallory
refused alice

step "a policy, a user in the group, a reload with its verdict"
adduser --quiet alice mini-mcp-operators
mkdir -p /etc/mini-mcp/policy.d
cat >/etc/mini-mcp/policy.d/machine.toml <<'TOML'
version = 1
include = ["system-inspect"]

[tool.wait]
description = "Waits"
command = ["/usr/bin/sleep", "600"]
profile = "short"
allow = ["operators"]

[tool.up]
description = "How long the machine has been up"
command = ["/usr/bin/uptime"]
profile = "plain"
allow = ["operators"]

[profile.plain]
read = ["/usr", "-/etc/ld.so.cache", "/proc"]

[tool.show]
description = "A file"
command = ["/usr/bin/cat", "{file}"]
profile = "short"
allow = ["operators"]
[tool.show.args]
file = { type = "path", under = ["/etc"] }

[profile.short]
read = ["/usr", "-/etc/ld.so.cache"]
timeout = "1s"
TOML
systemctl reload mini-mcp.service
report=$(call alice uptime)
has "$report" '"tools": \[.*"uptime"'
# Where this machine has no cgroup controllers, what needs them is refused, in words.
has "$report" 'cgroup controller|load average'

step "an allowed call, a denied one, one that takes too long"
has "$(call alice up)" '"is_error": false, "text": ".*load average'
# A path is opened by openat2, which some restrictions of units take away.
has "$(call alice show '{"file": "/etc/debian_version"}')" '"is_error": false, "text": "[0-9]'
has "$(call alice no_such_tool)" '"is_error": true'
has "$(call alice wait)" '"is_error": true.*(timed out|timeout|time)'
! pgrep -x sleep >/dev/null || fail "the command outlived its time"
refused mallory
has "$(cat /var/log/mini-mcp/audit.jsonl)" '"event":"start".*"tool":"up"'
[ "$(stat -c '%U %a' /var/log/mini-mcp/audit.jsonl)" = "root 600" ] || fail "the trail is open to others"

step "a policy with a mistake is refused, and the former one stays"
echo 'no_such_key = 1' >>/etc/mini-mcp/policy.d/machine.toml
! systemctl reload mini-mcp.service || fail "a reload with a mistake succeeded"
has "$(show mini-mcp.service StatusText)" '^former policy in force: '
has "$(call alice up)" 'load average'
sed -i '$d' /etc/mini-mcp/policy.d/machine.toml
systemctl reload mini-mcp.service
has "$(show mini-mcp.service StatusText)" '^serving policy '

step "each process killed, with a command that runs"
for unit in mini-mcp.service mini-mcp-worker.service; do
    sed -i 's/^timeout = .*/timeout = "60s"/' /etc/mini-mcp/policy.d/machine.toml
    systemctl reload mini-mcp.service
    call alice wait >/tmp/killed 2>&1 &
    client=$!
    eventually pgrep -x sleep
    former=$(show "$unit" MainPID)
    kill -KILL "$former"
    eventually sh -c '! pgrep -x sleep'
    wait "$client" || true
    restarted() { [ "$(show "$unit" MainPID)" != "$former" ] && active "$unit"; }
    eventually restarted
    answers() { call alice up | grep -q 'load average'; }
    eventually answers
done
none_failed

# drop_in UNIT EXAMPLE: has the unit started anew with an example of the package.
drop_in() {
    install -D -m 644 "/usr/share/doc/mini-mcp/examples/$2" "/etc/systemd/system/$1.d/$2"
    systemctl daemon-reload
    systemctl restart "$1"
    active mini-mcp.service "$1" || fail "$2: $1 does not start"
}
without() {
    rm -r "/etc/systemd/system/$1.d"
    systemctl daemon-reload
    systemctl restart "$1"
}

step "namespaces.conf: what is refused without it, and what then holds"
cat >>/etc/mini-mcp/policy.d/machine.toml <<'TOML'

[tool.apart]
description = "What there is, in a root directory and namespaces of its own"
command = ["/usr/bin/python3", "-c", "import os; print(os.uname().nodename, os.getpid(), sorted(os.listdir('/')))"]
profile = "apart"
allow = ["operators"]

[profile.apart]
read = ["/usr", "/bin", "/lib", "/lib64", "-/etc/ld.so.cache"]
execute = ["/usr"]
strength = "isolated"
network = "loopback"
working_directory = "/"
TOML
systemctl restart mini-mcp-worker.service
systemctl reload mini-mcp.service
has "$(call alice apart)" '"is_error": true'
drop_in mini-mcp-worker.service namespaces.conf
report=$(call alice apart)
has "$report" '"is_error": false, "text": "mini-mcp [0-9]+ '
! grep -q machine <<<"$report" || fail "the host's root directory is seen: $report"
has "$(call alice up)" 'load average'
without mini-mcp-worker.service
sed -i '/^\[tool.apart\]/,$d' /etc/mini-mcp/policy.d/machine.toml
systemctl reload mini-mcp.service

step "read-only.conf: what only inspects goes on, what writes does not"
install -d -o alice /srv/alice
cat >>/etc/mini-mcp/policy.d/machine.toml <<'TOML'

[tool.mark]
description = "Leaves a mark"
command = ["/usr/bin/touch", "/srv/alice/mark"]
profile = "marks"
allow = ["operators"]

[profile.marks]
run_as = "caller"
read = ["/usr", "-/etc/ld.so.cache"]
write = ["/srv/alice"]
TOML
systemctl reload mini-mcp.service
has "$(call alice mark)" '"is_error": false'
rm /srv/alice/mark
drop_in mini-mcp-worker.service read-only.conf
has "$(call alice up)" '"is_error": false, "text": ".*load average'
has "$(call alice show '{"file": "/etc/debian_version"}')" '"is_error": false, "text": "[0-9]'
has "$(call alice mark)" 'Read-only file system'
[ ! -e /srv/alice/mark ] || fail "written"
without mini-mcp-worker.service
sed -i '/^\[tool.mark\]/,$d' /etc/mini-mcp/policy.d/machine.toml
systemctl reload mini-mcp.service

step "http.conf: a key, a wrong one, none"
key=$(mini-mcp key new ci 2>/dev/null | grep -oE '[A-Za-z0-9_-]{32,}' | tail -n 1)
cat >/etc/mini-mcp/policy.d/http.toml <<'TOML'
version = 1
[principal.ci]
api_key = "ci"
from = ["127.0.0.0/8"]
TOML
systemctl reload mini-mcp.service
drop_in mini-mcp.service http.conf
has "$(python3 /machine/in/web.py "$key")" '^200 '
has "$(python3 /machine/in/web.py wrong)" '^401'
has "$(python3 /machine/in/web.py)" '^401'
rm /etc/mini-mcp/policy.d/http.toml
without mini-mcp.service
none_failed

step "a supervisor that is stuck is replaced by the watchdog"
mkdir -p /run/systemd/system/mini-mcp.service.d
printf '[Service]\nWatchdogSec=2s\n' >/run/systemd/system/mini-mcp.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart mini-mcp.service
former=$(show mini-mcp.service MainPID)
sleep 3
[ "$(show mini-mcp.service MainPID)" = "$former" ] || fail "the watchdog was not fed"
kill -STOP "$former"
replaced() { [ "$(show mini-mcp.service MainPID)" != "$former" ] && active mini-mcp.service; }
eventually replaced
rm -r /run/systemd/system/mini-mcp.service.d
systemctl daemon-reload
has "$(call alice up)" 'load average'

step "a full disk under the audit trail"
systemctl stop mini-mcp-worker.service mini-mcp-worker.socket mini-mcp.service
mv /var/log/mini-mcp /var/log/kept
mkdir -m 750 /var/log/mini-mcp
mount -t tmpfs -o size=64k,mode=750 tmpfs /var/log/mini-mcp
systemctl start mini-mcp-worker.socket mini-mcp.service
has "$(call alice up)" 'load average'
dd if=/dev/zero of=/var/log/mini-mcp/filler bs=4k status=none 2>/dev/null || true
full() { call alice up | grep -q '"is_error": true'; }
eventually full
rm /var/log/mini-mcp/filler
has "$(call alice up)" 'load average'
systemctl stop mini-mcp-worker.service mini-mcp.service
umount /var/log/mini-mcp
rmdir /var/log/mini-mcp
mv /var/log/kept /var/log/mini-mcp
systemctl start mini-mcp.service

step "upgrade"
echo '# kept' >>/etc/mini-mcp/policy.toml
former=$(show mini-mcp.service MainPID)
dpkg --install /machine/in/mini-mcp.deb
[ "$(show mini-mcp.service MainPID)" != "$former" ] || fail "not restarted"
has "$(tail -n 1 /etc/mini-mcp/policy.toml)" '^# kept$'
has "$(call alice up)" 'load average'
none_failed

step "remove and purge"
dpkg --remove mini-mcp
! pgrep -f mini-mcp >/dev/null || fail "a process is left: $(pgrep -af mini-mcp)"
dpkg --purge mini-mcp
[ -s /var/log/mini-mcp/audit.jsonl ] || fail "the audit trail is gone"
find / -xdev -not -path '/proc/*' -not -path '/sys/*' -not -path '/run/*' -not -path '/tmp/*' \
    -not -path '/machine/*' 2>/dev/null | sort >/tmp/after
left=$(comm -13 /tmp/before /tmp/after | grep mini-mcp | grep -v -e '^/var/log/mini-mcp' || true)
[ -z "$left" ] || fail "left: $left"
[ ! -e /run/mini-mcp/mcp.sock ] || fail "the socket is left"
none_failed
step "all is well"
