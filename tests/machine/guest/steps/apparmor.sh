# The supervisor, and nothing else, is under its AppArmor profile, which refuses it nothing
# of what it does: calls, long output in its spool, a reload, a name that is looked up.
aa-enabled --quiet || fail "this kernel has no AppArmor"
context() { tr -d '\0' <"/proc/$(show "$1" MainPID)/attr/current"; }
[ "$(context mini-mcp.service)" = "mini-mcp-supervisor (enforce)" ] || fail "it is $(context mini-mcp.service)"
[ "$(context mini-mcp-worker.service)" = unconfined ] || fail "the worker is $(context mini-mcp-worker.service)"
policy <<TOML
[tool.long]
description = "Prints more than a result has room for"
command = ["/usr/bin/seq", "1", "200000"]
profile = "plain"
allow = ["operators"]
TOML
has "$(call alice up)" 'load average'
has "$(call alice long)" '"is_error": false, .*199999'
no_policy
systemctl restart mini-mcp.service
has "$(call alice up)" 'load average'
denied=$(journalctl --dmesg --no-pager --output=cat | grep 'apparmor="DENIED"' | grep -F mini-mcp || true)
[ -z "$denied" ] || fail "refused: $denied"
# It is in force: as the service is started, the program may not read what is nobody's.
echo 'version = 1' >/root/policy.toml
mini-mcp check /root/policy.toml
if aa-exec --profile=mini-mcp-supervisor -- /usr/bin/mini-mcp check /root/policy.toml >/tmp/said 2>&1; then fail "let in"; fi
has "$(cat /tmp/said)" 'Permission denied'
rm /root/policy.toml
none_failed
