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
# It keeps the time that it was started with.
systemctl restart mini-mcp.service
has "$(call alice up)" 'load average'

# So is a worker; the supervisor, which has more time, outlives it.
mkdir -p /run/systemd/system/mini-mcp-worker.service.d
printf '[Service]\nWatchdogSec=2s\n' >/run/systemd/system/mini-mcp-worker.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart mini-mcp-worker.service
eventually active mini-mcp-worker.service mini-mcp.service
supervisor=$(show mini-mcp.service MainPID)
former=$(show mini-mcp-worker.service MainPID)
sleep 3
[ "$(show mini-mcp-worker.service MainPID)" = "$former" ] || fail "the watchdog was not fed"
kill -STOP "$former"
replaced() { [ "$(show mini-mcp-worker.service MainPID)" != "$former" ] && active mini-mcp-worker.service; }
eventually replaced
rm -r /run/systemd/system/mini-mcp-worker.service.d
systemctl daemon-reload
has "$(call alice up)" 'load average'
[ "$(show mini-mcp.service MainPID)" = "$supervisor" ] || fail "the supervisor went as well"
