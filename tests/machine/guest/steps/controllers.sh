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

# The trail has it, too; and nothing is left of the groups.
has "$(grep '"event":"end"' "$trail" | tail -n 3)" 'memory_max'
left() { [ -z "$(find /sys/fs/cgroup/minimcp.slice -path '*/worker.[0-9]*/*-*' -type d -exec grep -l 'populated 1' {}/cgroup.events ';')" ]; }
eventually left
no_policy
