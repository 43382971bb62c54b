# What an administrator finds in the journal: each message under its unit and by its
# program's name, calls with fields of what they were about.
messages() { journalctl --output=json --no-pager "$@"; }
found=$(messages --unit mini-mcp.service MINI_MCP_TOOL=up | grep 'command finished' | tail -n 1)
has "$found" '"_SYSTEMD_UNIT":"mini-mcp.service"'
has "$found" '"SYSLOG_IDENTIFIER":"mini-mcp"'
has "$found" "\"_UID\":\"$(id -u mini-mcp)\""
has "$found" '"PRIORITY":"6"'
has "$found" "\"MINI_MCP_UID\":\"$(id -u alice)\""
for name in PRINCIPAL REQUEST_ID RUN WALL_US; do has "$found" "\"MINI_MCP_$name\":\"[^\"]+\""; done
has "$found" '"MINI_MCP_DECISION":"allow"'
# By one of them a run is found in the journal and in the trail.
run=$(field "$found" 'it["MINI_MCP_RUN"]')
has "$(cat "$trail"*)" "\"run\":\"$run\""
found=$(messages --unit mini-mcp.service MINI_MCP_DECISION=deny | tail -n 1)
has "$found" '"MINI_MCP_CODE":"[a-z_]+"'
found=$(messages --unit mini-mcp-worker.service --grep 'ready: containment cgroup' | tail -n 1)
has "$found" '"_SYSTEMD_UNIT":"mini-mcp-worker.service"'
has "$found" '"SYSLOG_IDENTIFIER":"mini-mcp-worker"'
has "$found" '"PRIORITY":"6"'
has "$found" '"_SYSTEMD_SLICE":"minimcp.slice"'
# A secret is nowhere in it, at the level that logs most.
mkdir -p /run/systemd/system/mini-mcp.service.d
printf '[Service]\nEnvironment=MINI_MCP_LOG=trace\n' >/run/systemd/system/mini-mcp.service.d/trace.conf
systemctl daemon-reload
systemctl restart mini-mcp.service
policy <<'END'
[tool.hush]
description = "Is given a secret"
command = ["/usr/bin/printf", "%.0s%s", "{key}", "{word}"]
profile = "plain"
allow = ["operators"]
[tool.hush.args]
key = { type = "string", secret = true }
word = { type = "string" }
END
has "$(call alice hush '{"key": "canary-of-the-journal", "word": "no-secret"}')" 'no-secret'
call alice hush '{"key": ["canary-of-the-journal"], "word": 1}' >/dev/null || true
no_policy
# What other programs log has the command line of the client in it, `_CMDLINE`.
said=$(messages --unit mini-mcp.service --unit mini-mcp-worker.service)
[ "$(wc -l <<<"$said")" -gt 50 ] || fail "the journal is empty"
for found in "$said" "$(cat "$trail"*)"; do
    ! grep -q 'canary-of-the-journal' <<<"$found" || fail "$(grep 'canary-of-the-journal' <<<"$found" | head -n 3)"
done
rm -r /run/systemd/system/mini-mcp.service.d
systemctl daemon-reload
systemctl restart mini-mcp.service
# Numbers: off at first, then over loopback, and gone again.
! active mini-mcp-metrics.service || fail "metrics are served unasked"
systemctl start mini-mcp-metrics.service
page=$(python3 -S -c 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:9464/metrics").read().decode())')
has "$page" '^mini_mcp_worker_up 1$'
has "$page" '^mini_mcp_calls_total\{tool="up",decision="allow",outcome="success"\} [0-9]+$|^mini_mcp_worker_uptime_seconds '
has "$(mini-mcp metrics)" '^mini_mcp_audit_writable 1$'
[ "$(grep -c . <<<"$page")" -gt 100 ] || fail "few numbers: $page"
exporter=$(show mini-mcp-metrics.service MainPID)
has "$(cat "/proc/$exporter/status")" '^CapEff:	0+$'
systemctl stop mini-mcp-metrics.service
none_failed
