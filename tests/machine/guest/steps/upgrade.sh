# The same package again: the policy is kept, both services are of the new one. What runs
# is let go on, but not for ever; whoever asked is answered by the former.
policy <<'TOML'
[tool.soon]
description = "Takes a while"
command = ["/usr/bin/sh", "-c", "sleep 3; echo done"]
profile = "shell"
allow = ["operators"]
[profile.shell]
extends = "plain"
execute = ["/usr"]
TOML
echo '# kept' >>/etc/mini-mcp/policy.toml
former=$(show mini-mcp.service MainPID)
former_worker=$(show mini-mcp-worker.service MainPID)
call alice soon >/tmp/soon 2>&1 &
soon=$!
call alice wait >/tmp/wait 2>&1 &
wait=$!
eventually pgrep -x -f '/usr/bin/sleep 600'
eventually pgrep -x -f 'sleep 3'
dpkg --install /machine/in/mini-mcp.deb
wait "$soon" "$wait" || true
has "$(cat /tmp/soon)" '"is_error": false, "text": "done'
has "$(cat /tmp/wait)" '"is_error": true'
! pgrep -x -f '/usr/bin/sleep 600' >/dev/null || fail "a command outlived the worker"
rm /tmp/soon /tmp/wait
no_policy
[ "$(show mini-mcp.service MainPID)" != "$former" ] || fail "not restarted"
[ "$(show mini-mcp-worker.service MainPID)" != "$former_worker" ] || fail "the worker was not restarted"
has "$(tail -n 1 /etc/mini-mcp/policy.toml)" '^# kept$'
has "$(call alice up)" 'load average'
none_failed

# A release that the policy is too new for: the installation says so, and the service
# stays down in words until it fits again.
dpkg-deb --raw-extract /machine/in/mini-mcp.deb /tmp/former
sed -i 's/^Version: .*/Version: 0.0.1-1/' /tmp/former/DEBIAN/control
dpkg-deb -Znone --build /tmp/former /tmp/former.deb >/dev/null
echo 'version = 2' >"$policies/newer.toml"
said=$(dpkg --install /tmp/former.deb 2>&1)
has "$said" '^mini-mcp: this release cannot use the policy'
has "$said" 'newer.toml:1:11: error: version 2 needs a newer Mini MCP'
told() { journalctl --unit "$1" --no-pager --output=cat | grep -q 'version 2 needs a newer Mini MCP'; }
eventually told mini-mcp.service
eventually told mini-mcp-worker.service
rm "$policies/newer.toml"
dpkg --install /machine/in/mini-mcp.deb
eventually active mini-mcp.service mini-mcp-worker.service
has "$(call alice up)" 'load average'
rm -r /tmp/former /tmp/former.deb
none_failed
