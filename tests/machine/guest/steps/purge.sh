# Removed and purged: nothing is left but the trail.
dpkg --remove mini-mcp
! pgrep -f /usr/libexec/mini-mcp >/dev/null || fail "a process is left: $(pgrep -af mini-mcp)"
! pgrep -x mini-mcp >/dev/null || fail "a process is left: $(pgrep -af mini-mcp)"
dpkg --purge mini-mcp
[ -s "$trail" ] || fail "the audit trail is gone"
left=$(files | grep mini-mcp | grep -v -e '^/var/log/mini-mcp' || true)
[ -z "$left" ] || fail "left: $left"
[ ! -e /run/mini-mcp/mcp.sock ] || fail "the socket is left"
left=$(find /sys/fs/cgroup -depth -type d -name '*mini*mcp*' ! -name '*machine*')
[ -z "$left" ] || fail "cgroups are left: $left"
none_failed
