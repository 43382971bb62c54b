# What an administrator finds in the journal: each message under its unit and by its
# program's name, calls with what they were about.
messages() { journalctl --output=json --no-pager "$@"; }
found=$(messages --unit mini-mcp.service --grep 'tool="up".*command finished' | tail -n 1)
has "$found" '"_SYSTEMD_UNIT":"mini-mcp.service"'
has "$found" '"SYSLOG_IDENTIFIER":"mini-mcp"'
has "$found" "\"_UID\":\"$(id -u mini-mcp)\""
found=$(messages --unit mini-mcp-worker.service --grep 'ready: containment cgroup' | tail -n 1)
has "$found" '"_SYSTEMD_UNIT":"mini-mcp-worker.service"'
has "$found" '"SYSLOG_IDENTIFIER":"mini-mcp-worker"'
has "$found" '"_SYSTEMD_SLICE":"minimcp.slice"'
