# A supervisor of a later release greets the worker, which says what it speaks itself. If
# that is what is installed it stays, whoever greets; else it makes room, and systemd starts
# what is installed, with which the service goes on.
greet() {
    runuser -u "$(show mini-mcp.service User)" -- python3 - <<'PYTHON'
import socket
lane = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
lane.connect("/run/mini-mcp-worker/worker.sock")
# Of version 9999, under no policy that there is.
lane.send(bytes([0, 0x8F, 0x4E]) + bytes(32))
answer = lane.recv(100)
print("greets back" if answer[0] == 0 and answer[1:3] != b"\x8f\x4e" else answer, lane.recv(100))
PYTHON
}
greeted() { [ "$(greet)" = "greets back b''" ] || fail "the worker does not greet"; }
answers() { call alice up | grep -q 'load average'; }
worker=$(show mini-mcp-worker.service MainPID)
program=$(readlink "/proc/$worker/exe")
greeted
answers
[ "$(show mini-mcp-worker.service MainPID)" = "$worker" ] || fail "the worker went without need"
cp --preserve "$program" "$program.new"
mv "$program.new" "$program"
greeted
restarted() { [ "$(show mini-mcp-worker.service MainPID)" != "$worker" ] && active mini-mcp-worker.service; }
eventually restarted
eventually answers
has "$(journalctl --quiet --no-pager --unit mini-mcp-worker.service)" 'speaks version 9999'
none_failed
