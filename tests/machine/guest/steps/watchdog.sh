# A supervisor that is stuck is replaced by the watchdog.
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
