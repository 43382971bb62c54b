# The same package again: the policy is kept, both services are of the new one.
echo '# kept' >>/etc/mini-mcp/policy.toml
former=$(show mini-mcp.service MainPID)
former_worker=$(show mini-mcp-worker.service MainPID)
dpkg --install /machine/in/mini-mcp.deb
[ "$(show mini-mcp.service MainPID)" != "$former" ] || fail "not restarted"
[ "$(show mini-mcp-worker.service MainPID)" != "$former_worker" ] || fail "the worker was not restarted"
has "$(tail -n 1 /etc/mini-mcp/policy.toml)" '^# kept$'
has "$(call alice up)" 'load average'
none_failed
