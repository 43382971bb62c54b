# Removed and purged: nothing is left but the trail.
dpkg --remove mini-mcp
! pgrep -f /usr/libexec/mini-mcp >/dev/null || fail "a process is left: $(pgrep -af mini-mcp)"
dpkg --purge mini-mcp
nothing_left
# Unless somebody says that the trail need not be kept.
dpkg --install /machine/in/mini-mcp.deb
MINI_MCP_PURGE_AUDIT=yes dpkg --purge mini-mcp
left=$(files | grep mini-mcp || true)
[ -z "$left" ] || fail "left: $left"
none_failed
