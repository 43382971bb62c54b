# A policy, and a user in the group; a reload with its verdict.
adduser --quiet alice mini-mcp-operators
mkdir -p "$policies"
minimum=$(abi)
[ "$minimum" -lt 6 ] || minimum=6
policy <<TOML
[tool.wait]
description = "Waits"
command = ["/usr/bin/sleep", "600"]
profile = "long"
allow = ["operators"]

[tool.short]
description = "Waits longer than it may"
command = ["/usr/bin/sleep", "601"]
profile = "short"
allow = ["operators"]

[tool.up]
description = "How long the machine has been up"
command = ["/usr/bin/uptime"]
profile = "plain"
allow = ["operators"]

[tool.show]
description = "A file"
command = ["/usr/bin/cat", "{file}"]
profile = "short"
allow = ["operators"]
[tool.show.args]
file = { type = "path", under = ["/etc"] }

[profile.plain]
read = ["/usr", "-/etc/ld.so.cache", "/proc"]
minimum_landlock = $minimum

[profile.short]
read = ["/usr", "-/etc/ld.so.cache"]
minimum_landlock = $minimum
timeout = "1s"

[profile.long]
extends = "short"
timeout = "10min"
TOML
has "$(show mini-mcp.service StatusText)" '^serving policy '
has "$(call alice up)" '"is_error": false, "text": ".*load average'
