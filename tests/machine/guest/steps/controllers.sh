# The controllers of this machine bound a whole tree, and the outcome says what by.
minimum=$(abi)
[ "$minimum" -lt 6 ] || minimum=6
tool() {
    printf '[tool.%s]\ndescription = "d"\ncommand = ["/usr/bin/python3", "-S", "/machine/in/tries.py", "%s"]\n' "$1" "$1"
    printf 'profile = "%s"\nallow = ["operators"]\n[profile.%s]\nextends = "counted"\n%s\n' "$1" "$1" "$2"
}
policy <<TOML
[profile.counted]
read = ["/usr", "/machine/in", "-/etc/ld.so.cache"]
minimum_landlock = $minimum
minimum_cgroup = ["cpu", "io", "memory", "pids"]
minimum_containment = "cgroup"
timeout = "60s"

$(tool memory 'memory_max = "64M"')
$(tool tasks 'tasks_max = 16')
[tool.hold]
description = "d"
command = ["/usr/bin/python3", "-S", "/machine/in/tries.py", "hold", "{mib}"]
profile = "counted"
allow = ["operators"]
args = { mib = { type = "string" } }
[tool.read]
description = "d"
command = ["/usr/bin/python3", "-S", "/machine/in/tries.py", "read", "32"]
profile = "counted"
allow = ["operators"]

$(tool cpu 'cpu_quota = "20%"
cpu_weight = 50
io_weight = 50')
TOML
report=$(call alice memory)
has "$report" '"blocked": \["memory_max"\]'
has "$report" '"held_by_rlimits": \[\]'
lacks "$report" 'held it all'

report=$(call alice tasks)
has "$report" '"blocked": \["tasks_max"\]'
has "$report" 'started 1[0-5]'
lacks "$report" 'started 16'

report=$(call alice cpu)
share=$(field "$report" 'int(it["text"].split()[0])')
[ "$share" -ge 5 ] && [ "$share" -le 35 ] || fail "a share of $share percent, not 20"
has "$report" '"blocked": \[\]'
has "$report" '"held_by_rlimits": \[\]'

# The trail has it, too.
has "$(grep '"event":"end"' "$trail" | tail -n 3)" 'memory_max'

# One command after the other is counted and bounded by itself. Where the kernel can forget
# how much memory there was at most, since 6.12, they have one group in turn, unless
# something of the last is left in it that counts.
peak() { field "$1" 'it["outcome"]["memory_peak_bytes"] >> 20'; }
groups() { find /sys/fs/cgroup -path '*/worker.[0-9]*/*-*' -type d | sort; }
again() { python3 -c 'import os; a, b, *_ = os.uname().release.split("."); exit((int(a), int(b)) < (6, 12))'; }
held=$(peak "$(call alice hold '{"mib": "100"}')")
[ "$held" -ge 100 ] || fail "a peak of $held MiB, and 100 were held"
for _ in 1 2; do
    held=$(peak "$(call alice hold '{"mib": "1"}')")
    [ "$held" -lt 60 ] || fail "a peak of $held MiB, of another command"
done
before=$(groups)
report=$(call alice hold '{"mib": "1"}')
if again; then
    [ "$(groups)" = "$before" ] || fail "another group: $(groups), not $before"
else
    [ "$(groups)" != "$before" ] || fail "the same group: $before"
fi
sync
echo 3 >/proc/sys/vm/drop_caches
has "$(call alice read)" '"text": "left 0'
call alice hold '{"mib": "1"}' >/dev/null
[ "$(groups)" != "$before" ] || fail "the group in which files are left: $before"

# Nothing is left of the groups.
left() { [ -z "$(find /sys/fs/cgroup/minimcp.slice -path '*/worker.[0-9]*/*-*' -type d -exec grep -l 'populated 1' {}/cgroup.events ';')" ]; }
eventually left
no_policy
