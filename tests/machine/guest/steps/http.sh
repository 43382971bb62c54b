# http.conf: a key, a wrong one, none.
key=$(mini-mcp key new ci 2>/dev/null | grep -oE '[A-Za-z0-9_-]{32,}' | tail -n 1)
policy <<TOML
[principal.ci]
api_key = "ci"
from = ["127.0.0.0/8"]
TOML
drop_in mini-mcp.service http.conf
web() { python3 /machine/in/web.py "$@"; }
has "$(web "$key")" '^200 '
has "$(web wrong)" '^401'
has "$(web)" '^401'
no_policy
without mini-mcp.service
none_failed
