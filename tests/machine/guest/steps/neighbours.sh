# A supervisor of a later release greets the worker: the worker says what it speaks itself
# and makes room, and systemd starts what is installed, with which the service goes on.
worker=$(show mini-mcp-worker.service MainPID)
said=$(runuser -u "$(show mini-mcp.service User)" -- python3 - <<'PYTHON'
import socket
lane = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
lane.connect("/run/mini-mcp-worker/worker.sock")
# A greeting, of version 9999, under no policy that there is.
lane.send(bytes([0, 0x8f, 0x4e]) + bytes(32))
answer = lane.recv(100)
print("greets back" if answer[0] == 0 and answer[1:3] != b"\x8f\x4e" else answer, lane.recv(100))
PYTHON
)
[ "$said" = "greets back b''" ] || fail "the worker says $said"
restarted() { [ "$(show mini-mcp-worker.service MainPID)" != "$worker" ] && active mini-mcp-worker.service; }
eventually restarted
answers() { call alice up | grep -q 'load average'; }
eventually answers
has "$(journalctl --quiet --no-pager --unit mini-mcp-worker.service)" 'speaks version 9999'
none_failed
