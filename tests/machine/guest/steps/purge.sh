# Removed and purged: nothing is left but the trail.
dpkg --remove mini-mcp
! pgrep -f /usr/libexec/mini-mcp >/dev/null || fail "a process is left: $(pgrep -af mini-mcp)"
dpkg --purge mini-mcp
nothing_left
