# What this kernel has and lacks is told as docs/sandbox.md has it.
case $(uname -r) in
6.1.*) want=2 ;;
6.12.*) want=6 ;;
7.3.*) want=11 ;;
*) fail "what does $(uname -r) have of Landlock?" ;;
esac
report=$(doctor)
[ "$(field "$report" 'it["landlock_abi"]')" = "$want" ] || fail "not ABI $want: $report"
[ "$(field "$report" 'it["linux"]')" = "$(uname -r)" ]
for number in $(seq 10); do
    row=$(field "$report" "[row for row in it['features'] if row['name'] == 'Landlock ABI $number'][0]")
    if [ "$number" -le "$want" ]; then
        has "$row" "'state': '(works|unused)', .*"
        lacks "$row" "'state': 'missing'"
    else
        has "$row" "'state': '(missing|unused)'"
        has "$row" "'remedy': [^N]"
    fi
done
# All else is there, the controllers too.
lacking=$(field "$report" '[row for row in it["features"] if row["state"] == "missing" and "Landlock" not in row["name"]]')
[ "$lacking" = '[]' ] || fail "missing: $lacking"
has "$(field "$report" '[row["name"] for row in it["features"]]')" "cgroup memory"
has "$(show mini-mcp-worker.service StatusText)" "containment cgroup, Landlock ABI $want"
# It has left nothing, and taken nothing away.
[ -z "$(find /sys/fs/cgroup -maxdepth 1 -name 'mini-mcp*')" ] || fail "the doctor left a group"
has "$(cat /sys/fs/cgroup/cgroup.subtree_control)" 'memory.*pids'
