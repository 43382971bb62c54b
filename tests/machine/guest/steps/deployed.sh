# The package is installed: both services run, and nothing is allowed.
eventually active mini-mcp.socket mini-mcp.service mini-mcp-worker.socket mini-mcp-worker.service
[ "$(systemctl is-enabled mini-mcp.service mini-mcp.socket mini-mcp-worker.socket | sort -u)" = enabled ] ||
    fail "not enabled"
has "$(show mini-mcp.service StatusText)" '^serving policy [0-9a-f]{12}$'
has "$(show mini-mcp-worker.service StatusText)" '^policy [0-9a-f]{12}, containment cgroup, Landlock ABI [1-9]'
has "$(show mini-mcp-worker.service ControlGroup)" '^/minimcp.slice/'
has "$(stat -c '%U:%G %a' /run/mini-mcp /run/mini-mcp/mcp.sock /run/mini-mcp-worker/worker.sock | tr '\n' ' ')" \
    '^root:root 755 root:root 666 mini-mcp:mini-mcp 600 $'

for user in alice mallory; do
    id "$user" >/dev/null 2>&1 || useradd --create-home "$user"
done
# As on a machine where nobody was ever let in.
if id -nG alice | grep -qw mini-mcp-operators; then deluser --quiet alice mini-mcp-operators; fi
refused alice
none_failed
