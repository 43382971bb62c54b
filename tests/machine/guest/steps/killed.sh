# Each process killed, with a command that runs: nothing of it is left, and the service
# is back.
waiting() { pgrep -f '^/usr/bin/sleep 600' >/dev/null; }
gone() { ! waiting; }
for unit in mini-mcp.service mini-mcp-worker.service; do
    call alice wait >/tmp/killed 2>&1 &
    client=$!
    eventually waiting
    former=$(show "$unit" MainPID)
    kill -KILL "$former"
    eventually gone
    wait "$client" || true
    restarted() { [ "$(show "$unit" MainPID)" != "$former" ] && active "$unit"; }
    eventually restarted
    answers() { call alice up | grep -q 'load average'; }
    eventually answers
done
# A lane: the process that the command is a child of.
call alice wait >/tmp/killed 2>&1 &
client=$!
eventually waiting
worker=$(show mini-mcp-worker.service MainPID)
lane=$(ps -o ppid= -p "$(pgrep -f '^/usr/bin/sleep 600')" | tr -d ' ')
[ "$lane" != "$worker" ] || fail "the command is the worker's own child"
kill -KILL "$lane"
eventually gone
wait "$client"
has "$(cat /tmp/killed)" '"is_error": true'
[ "$(show mini-mcp-worker.service MainPID)" = "$worker" ] || fail "the worker went as well"
has "$(call alice up)" 'load average'
none_failed
mini-mcp audit verify
