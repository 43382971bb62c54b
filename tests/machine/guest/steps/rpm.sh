# The package for Red Hat and its like, by the rpm that this machine has: from the
# installation to its end. Names of packages differ, so it is told not to look for them.
rpm --install --nodeps /machine/in/mini-mcp.rpm
rpm --verify --nodeps mini-mcp || fail "what is installed is not what the package has"
systemctl enable --now --quiet mini-mcp.service
. ./steps/deployed.sh
echo '# kept' >>/etc/mini-mcp/policy.toml
former=$(show mini-mcp.service MainPID)
rpm --upgrade --replacepkgs --nodeps /machine/in/mini-mcp.rpm
has "$(tail -n 1 /etc/mini-mcp/policy.toml)" '^# kept$'
[ "$(show mini-mcp.service MainPID)" != "$former" ] || fail "not restarted"
eventually active mini-mcp.service
# A policy that is too new for what is installed over it: told, and down until it fits.
mkdir -p "$policies"
echo 'version = 2' >"$policies/newer.toml"
said=$(rpm --upgrade --replacepkgs --nodeps /machine/in/mini-mcp.rpm 2>&1)
has "$said" '^mini-mcp: this release cannot use the policy'
has "$said" 'newer.toml:1:11: error: version 2 needs a newer Mini MCP'
rm "$policies/newer.toml"
rpm --upgrade --replacepkgs --nodeps /machine/in/mini-mcp.rpm
eventually active mini-mcp.service mini-mcp-worker.service
rpm --erase mini-mcp
# A policy that was changed is kept, as rpm does it.
rm /etc/mini-mcp/policy.toml.rpmsave
rmdir --ignore-fail-on-non-empty /etc/mini-mcp/* /etc/mini-mcp 2>/dev/null || true
nothing_left
