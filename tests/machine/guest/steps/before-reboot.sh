# What must be the same after it.
has "$(call alice up)" 'load average'
wc -l <"$trail" >"$keep/lines"
mini-mcp audit verify
