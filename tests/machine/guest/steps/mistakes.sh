# A policy with a mistake is refused, and the former one stays.
echo 'no_such_key = 1' >"$policies/mistake.toml"
! systemctl reload mini-mcp.service || fail "a reload with a mistake succeeded"
has "$(show mini-mcp.service StatusText)" '^former policy in force: '
has "$(call alice up)" 'load average'
rm "$policies/mistake.toml"
systemctl reload mini-mcp.service
has "$(show mini-mcp.service StatusText)" '^serving policy '
