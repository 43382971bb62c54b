# otlp.conf: a call's trace and the metrics reach a collector of this host, the last of
# them when the service stops; one that is away harms nothing.
folder=$(mktemp -d)
systemd-run --quiet --unit=machine-collector python3 /machine/in/collector.py "$folder"
drop_in mini-mcp.service otlp.conf
has "$(call alice up)" 'load average'
systemctl restart mini-mcp.service
grep -q 'tools/call up' "$folder/traces" || fail "no trace"
grep -q 'mini_mcp.calls' "$folder/metrics" || fail "no metrics"
! grep -q 'load average' "$folder"/* || fail "output left"
systemctl stop machine-collector.service
has "$(call alice up)" 'load average'
without mini-mcp.service
rm -r "$folder"
none_failed
