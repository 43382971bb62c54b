# From another machine, which this one is, too: bob's client starts what `setup --ssh` has
# written, with a key that gets him alice's tools here and nothing else.
useradd --create-home bob
as_bob() { runuser -u bob -- env HOME=/home/bob "$@"; }
as_bob mkdir -m 700 /home/bob/.ssh
as_bob ssh-keygen -q -t ed25519 -N '' -f /home/bob/.ssh/id_ed25519
install -d -o alice -g alice -m 700 /home/alice/.ssh
key=$(cat /home/bob/.ssh/id_ed25519.pub)
echo "restrict,command=\"/usr/bin/mini-mcp connect\" $key" >/home/alice/.ssh/authorized_keys
mkdir -p /run/sshd
/usr/sbin/sshd -o ListenAddress=127.0.0.1 -o PidFile=/run/sshd-machine.pid
eventually sh -c 'ssh-keyscan localhost 2>/dev/null | grep . >/home/bob/.ssh/known_hosts'

as_bob mini-mcp setup --client claude-code --ssh alice@localhost --write
export MACHINE_CLIENT=/home/bob/.claude.json
report=$(official bob up)
has "$report" '"tools": \[.*"up"'
has "$report" '"is_error": false, "text": ".*load average'
found=$(grep '"event":"start"' "$trail" | tail -n 1)
has "$found" "\"uid\":$(id -u alice)[,}]"
# Whatever else is asked for: it is the bridge that answers, or nobody does.
said=$(as_bob ssh -n alice@localhost id 2>&1 || true)
lacks "$said" 'uid='
unset MACHINE_CLIENT
refused bob

kill "$(cat /run/sshd-machine.pid)"
pkill -u bob || true
userdel --remove bob 2>/dev/null
rm -r /home/alice/.ssh
none_failed
