# credentials.conf: the audit key is encrypted on the disk and handed to the worker.
mkdir -p -m 700 /etc/credstore.encrypted
# The disk of a container is a temporary one, on which it would not put a key by itself.
systemd-creds encrypt --with-key=host --name=audit.key "$trail.key" /etc/credstore.encrypted/mini-mcp-audit.key
mv "$trail.key" /root/former.key
drop_in mini-mcp-worker.service credentials.conf
has "$(call alice up)" 'load average'
[ ! -e "$trail.key" ] || fail "a key was made beside the trail all the same"
handed=/run/credentials/mini-mcp-worker.service/audit.key
cmp "$handed" /root/former.key
has "$(stat -c '%U %a' "$handed")" '^root 400$'
! runuser -u alice -- cat "$handed" 2>/dev/null || fail "alice may read the audit key"
mini-mcp audit verify

mv /root/former.key "$trail.key"
without mini-mcp-worker.service
rm -r /etc/credstore.encrypted
has "$(call alice up)" 'load average'
none_failed
