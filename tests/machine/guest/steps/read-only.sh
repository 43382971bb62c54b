# read-only.conf: what only inspects goes on, what writes does not.
install -d -o alice /srv/alice
policy <<TOML
[tool.mark]
description = "Leaves a mark"
command = ["/usr/bin/touch", "/srv/alice/mark"]
profile = "marks"
allow = ["operators"]

[profile.marks]
run_as = "caller"
read = ["/usr", "-/etc/ld.so.cache"]
write = ["/srv/alice"]
minimum_landlock = 1
TOML
has "$(call alice mark)" '"is_error": false'
rm /srv/alice/mark
drop_in mini-mcp-worker.service read-only.conf
has "$(call alice up)" '"is_error": false, "text": ".*load average'
has "$(call alice show '{"file": "/etc/debian_version"}')" '"is_error": false, "text": "[0-9]'
has "$(call alice mark)" 'Read-only file system'
[ ! -e /srv/alice/mark ] || fail "written"
without mini-mcp-worker.service
no_policy
rmdir /srv/alice
