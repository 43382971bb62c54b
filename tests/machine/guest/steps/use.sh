# The official client, as a user of the group: an allowed call, a denied one, one that
# takes too long. Then what the journal and the trail say.
report=$(official alice up)
has "$report" '"tools": \[.*"up"'
has "$report" '"is_error": false, "text": ".*load average'
# A path is opened by openat2, which some restrictions of units take away.
has "$(call alice show '{"file": "/etc/debian_version"}')" '"is_error": false, "text": "[0-9]'
has "$(call alice show '{"file": "/usr/bin/true"}')" '"is_error": true'
has "$(official alice no_such_tool)" '"is_error": true'
has "$(official alice short)" '"is_error": true.*timed out'
! pgrep -f 'sleep 601' >/dev/null || fail "the command outlived its time"
refused mallory

has "$(cat "$trail")" '"event":"start".*"tool":"up"'
has "$(cat "$trail")" '"event":"deny'
[ "$(stat -c '%U %a' "$trail")" = "root 600" ] || fail "the trail is open to others"
mini-mcp audit verify
