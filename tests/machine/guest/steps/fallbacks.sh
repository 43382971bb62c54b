# What an older Landlock does not hold: refused where the profile does not accept it, let
# through as docs/sandbox.md says where it does, and held on a kernel that has it.
have=$(abi)
tool() {
    printf '[tool.%s]\ndescription = "d"\ncommand = ["/usr/bin/python3", "-S", "/machine/in/tries.py", %s]\n' "$1" "$2"
    printf 'profile = "%s"\nallow = ["operators"]\n' "$3"
}
install -d -o alice /srv/alice
install -o alice -m 644 /etc/hostname /srv/alice/file
install -o alice -m 644 /etc/hostname /srv/file
runuser -u alice -- sleep 3600 &
eventually pgrep -u alice -x sleep
sleeper=$(pgrep -u alice -x sleep)
python3 -S -c "
import os, socket, time
os.umask(0)
named, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
named.bind('/srv/alice/socket'); abstract.bind('\0mini-mcp-machine')
named.listen(); abstract.listen()
time.sleep(3600)" &
listener=$!
eventually test -S /srv/alice/socket
policy <<TOML
[profile.strict]
run_as = "caller"
read = ["/usr", "/machine/in", "-/etc/ld.so.cache", "/srv/alice"]
[profile.accepting]
extends = "strict"
minimum_landlock = 1
[profile.sockets]
extends = "accepting"
network = "unix"
[profile.ports]
extends = "accepting"
connect = ["tcp:80"]
$(tool strict '"attach", "/none"' strict)
$(tool ports '"attach", "/none"' ports)
$(tool empty '"empty", "/srv/alice/file"' accepting)
$(tool elsewhere '"empty", "/srv/file"' accepting)
$(tool signal "\"signal\", \"$sleeper\"" accepting)
$(tool named '"attach", "/srv/alice/socket"' sockets)
$(tool abstract '"attach", "@mini-mcp-machine"' sockets)
TOML
# since ABI TOOL WHAT: refused from this ABI on, else it comes to WHAT.
since() {
    local report
    report=$(call alice "$2")
    if [ "$have" -ge "$1" ]; then has "$report" '"text": "refused: '; else has "$report" "\"text\": \"$3"; fi
}
verdict() { field "$report" "[row['state'] for row in it['profiles'] if row['name'] == '$1'][0]"; }
report=$(doctor)

said=$(call alice strict)
if [ "$have" -ge 6 ]; then
    has "$said" '"is_error": false'
    [ "$(verdict strict)" != refused ] || fail "the doctor refuses: $report"
else
    has "$said" "needs 6.*minimum_landlock = $have"
    [ "$(verdict strict)" = refused ] || fail "the doctor does not refuse: $report"
fi
said=$(call alice ports)
if [ "$have" -ge 4 ]; then
    has "$said" '"is_error": false'
else
    has "$said" '"is_error": true'
    has "$said" 'connect|port'
    [ "$(verdict ports)" = refused ] || fail "the doctor does not refuse: $report"
fi
[ "$(verdict accepting)" != refused ] || fail "the doctor refuses: $report"
since 3 empty emptied
since 3 elsewhere emptied
since 6 signal signalled
since 6 abstract connected
since 9 named connected

kill "$listener" "$sleeper"
wait
no_policy
rm -r /srv/alice /srv/file
