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
eventually active mini-mcp.service
rpm --erase mini-mcp
# A policy that was changed is kept, as rpm does it.
rm /etc/mini-mcp/policy.toml.rpmsave
rmdir --ignore-fail-on-non-empty /etc/mini-mcp/* /etc/mini-mcp 2>/dev/null || true
nothing_left
