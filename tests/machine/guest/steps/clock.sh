# The wall clock steps back by an hour: the trail goes on in its order, and holds.
systemctl stop systemd-timesyncd.service 2>/dev/null || true
# field NAME: of the last start.
field() { grep '"event":"start"' "$trail" | tail -n 1 | grep -oP "\"$1\":\"?\K[^\",]+"; }
has "$(call alice up)" 'load average'
seq=$(field seq) time=$(field time) boot=$(field boot_us)
date --set '-1 hour' >/dev/null
has "$(call alice up)" 'load average'
[ "$(field seq)" -gt "$seq" ] || fail "the sequence went back"
[ "$(field boot_us)" -gt "$boot" ] || fail "the time since the boot went back"
[[ "$(field time)" < "$time" ]] || fail "the clock did not step: $time, $(field time)"
has "$(mini-mcp audit verify)" 'clock stepped back.*' # and is whole
date --set '+1 hour' >/dev/null
has "$(call alice up)" 'load average'
mini-mcp audit verify >/dev/null
none_failed
