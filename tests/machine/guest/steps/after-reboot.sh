# The service comes back by itself, and the audit chain goes on.
[ "$(cat /proc/sys/kernel/random/boot_id)" != "$(cat /machine/out/former-boot)" ] || fail "not rebooted"
eventually active mini-mcp.socket mini-mcp.service mini-mcp-worker.socket
has "$(call alice up)" 'load average'
active mini-mcp-worker.service || fail "no worker"
[ "$(wc -l <"$trail")" -gt "$(cat "$keep/lines")" ] || fail "nothing was recorded"
mini-mcp audit verify
none_failed
