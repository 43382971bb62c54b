# The archive, by its own script: installed, installed over itself, removed and purged.
mkdir /tmp/unpacked
tar -C /tmp/unpacked -xf /machine/in/mini-mcp.tar.xz
install=$(echo /tmp/unpacked/*/install.sh)
"$install"
. ./steps/deployed.sh
echo '# kept' >>/etc/mini-mcp/policy.toml
former=$(show mini-mcp.service MainPID)
has "$("$install")" 'keeping /etc/mini-mcp/policy.toml'
[ "$(show mini-mcp.service MainPID)" != "$former" ] || fail "not restarted"
[ "$(show mini-mcp-worker.service ActiveState)" = active ] || fail "the worker is away"
# A policy that is too new for what is installed over it: told, and down until it fits.
mkdir -p "$policies"
echo 'version = 2' >"$policies/newer.toml"
said=$("$install" 2>&1)
has "$said" '^mini-mcp: this release cannot use the policy'
has "$said" 'newer.toml:1:11: error: version 2 needs a newer Mini MCP'
rm "$policies/newer.toml"
"$install"
eventually active mini-mcp.service mini-mcp-worker.service
"$install" --uninstall
[ -e /etc/mini-mcp/policy.toml ] || fail "the policy is gone"
has "$("$install" --purge)" 'the audit trail .* is kept'
rm -r /tmp/unpacked
nothing_left
