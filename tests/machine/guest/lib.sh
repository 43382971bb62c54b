# What the steps share: sourced before each of them.
set -euo pipefail
step=$1
policies=/etc/mini-mcp/policy.d
trail=/var/log/mini-mcp/audit.jsonl
keep=/machine/out/keep
mkdir -p "$keep"

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}
trap 'echo "FAILED: $step.sh, line $LINENO: $BASH_COMMAND"' ERR
set -E
# has TEXT PATTERN: the text matches, or else it is shown.
has() { grep -qE -- "$2" <<<"$1" || fail "no \`$2\` in: $1"; }
lacks() { ! grep -qE -- "$2" <<<"$1" || fail "\`$2\` in: $1"; }
# eventually COMMAND…: until it succeeds, at most a minute.
eventually() {
    local end=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$end" ]; do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    fail "never: $*"
}
show() { systemctl show --value --property "$2" "$1"; }
client() {
    local program=$1 user=$2 tool=$3 arguments=${4-}
    runuser -u "$user" -- env PYTHONPATH=/machine/python PYTHONDONTWRITEBYTECODE=1 \
        python3 "/machine/in/$program.py" "$tool" "${arguments:-{\}}"
}
# call USER TOOL [ARGUMENTS]: what a call gives the user, as JSON.
call() { client call "$@"; }
# official USER TOOL [ARGUMENTS]: the same by the official client, with the tools there are.
official() { client client "$@"; }
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
# policy <TEXT: the text, as a file of this step's, is in force besides the others.
policy() {
    { echo 'version = 1'; cat; } >"$policies/$step.toml"
    systemctl reload mini-mcp.service
}
no_policy() {
    rm "$policies/$step.toml"
    systemctl reload mini-mcp.service
}
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
# Every file of the machine's disk that a package could have left.
files() {
    find / -xdev -not -path '/proc/*' -not -path '/sys/*' -not -path '/run/*' -not -path '/tmp/*' \
        -not -path '/machine/*' 2>/dev/null | sort
}
# doctor [OPTION…]: its report as JSON, whatever it thinks of the host.
doctor() { mini-mcp doctor --json "$@" || true; }
# field JSON EXPRESSION: of the value `it`.
field() { python3 -S -c 'import json, sys; it = json.loads(sys.argv[1]); print(eval(sys.argv[2]))' "$1" "$2"; }
abi() { field "$(doctor)" 'it["landlock_abi"]'; }
# controller NAME: whether this machine counts by it.
controller() { grep -qw "$1" /sys/fs/cgroup/cgroup.controllers; }
# nothing_left: of the package that was removed, but the trail.
nothing_left() {
    local left
    ! pgrep -f /usr/libexec/mini-mcp >/dev/null || fail "a process is left: $(pgrep -af mini-mcp)"
    ! pgrep -x mini-mcp >/dev/null || fail "a process is left: $(pgrep -af mini-mcp)"
    [ -s "$trail" ] || fail "the audit trail is gone"
    left=$(files | grep mini-mcp | grep -v -e '^/var/log/mini-mcp' || true)
    [ -z "$left" ] || fail "left: $left"
    [ ! -e /run/mini-mcp ] && [ ! -e /run/mini-mcp-worker ] || fail "a directory of sockets is left"
    left=$(find /sys/fs/cgroup -depth -type d -name '*mini*mcp*' ! -name '*machine*')
    [ -z "$left" ] || fail "cgroups are left: $left"
    none_failed
}
