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
