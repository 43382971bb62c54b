# The package on a machine that never had it, as the README has it installed: a user's
# client reaches the tools of a pack. Then both services run, and nothing is allowed.
useradd --create-home alice
heading="On a server, for several users"
mkdir -p /tmp/source/packaging
# It has been made where there is a compiler, by the same command.
cat >/tmp/source/packaging/build.sh <<'SH'
#!/bin/sh
install -D /machine/in/mini-mcp.deb target/packages/mini-mcp_0_amd64.deb
SH
chmod +x /tmp/source/packaging/build.sh
(cd /tmp/source && /machine/in/readme.sh /machine/in/README.md "$heading" 1)
(cd /home/alice && runuser -u alice -- env HOME=/home/alice /machine/in/readme.sh /machine/in/README.md "$heading" 2)
has "$(cat /home/alice/.claude.json)" '"command": "/usr/bin/mini-mcp"'
has "$(cat /home/alice/.claude.json)" '"args": \["connect"\]'
[ "$(stat -c '%U %a' /home/alice/.claude.json)" = "alice 600" ] || fail "the file is not alice's alone"
has "$(call alice uptime)" '"is_error": false, "text": ".*load average'
has "$(mini-mcp enable --list)" '^system-inspect +enabled +Tools that look'

mini-mcp disable system-inspect
deluser --quiet alice mini-mcp-operators
rm -r /tmp/source /home/alice/.claude.json
. ./steps/deployed.sh
