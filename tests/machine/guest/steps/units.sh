# The units as systemd and the kernel see them.
said=$(systemd-analyze verify --man=no mini-mcp.service mini-mcp-worker.service 2>&1 |
    grep -v -e "'RestartSteps'" -e "'RestartMaxDelaySec'" -e RestartSteps || true)
[ -z "$said" ] || fail "systemd-analyze verify: $said"
supervisor=$(show mini-mcp.service MainPID)
has "$(cat "/proc/$supervisor/status")" '^CapBnd:	0+$'
has "$(cat "/proc/$supervisor/status")" "^Uid:	$(id -u mini-mcp)	"
worker=$(show mini-mcp-worker.service MainPID)
has "$(cat "/proc/$worker/status")" '^CapEff:	00000000000000e4$'
# The directories of the sockets become root's again, whoever changed them.
chown mini-mcp /run/mini-mcp
chmod 777 /run/mini-mcp-worker
systemd-tmpfiles --create mini-mcp.conf
has "$(stat -c '%U:%G %a' /run/mini-mcp /run/mini-mcp-worker | sort -u)" '^root:root 755$'
[ "$(stat -c '%U:%G %a' /run/mini-mcp /run/mini-mcp-worker | sort -u | wc -l)" = 1 ] || fail "not both"
