# A full disk under the audit trail: nothing runs that is not recorded.
stop() { systemctl stop mini-mcp.socket mini-mcp.service mini-mcp-worker.socket mini-mcp-worker.service; }
start() { systemctl start mini-mcp-worker.socket mini-mcp.socket mini-mcp.service; }
stop
mv /var/log/mini-mcp /var/log/kept
mkdir -m 750 /var/log/mini-mcp
mount -t tmpfs -o size=64k,mode=750 tmpfs /var/log/mini-mcp
start
has "$(call alice up)" 'load average'
dd if=/dev/zero of=/var/log/mini-mcp/filler bs=4k status=none 2>/dev/null || true
full() { call alice up | grep -q '"is_error": true'; }
eventually full
has "$(call alice up)" 'audit'
rm /var/log/mini-mcp/filler
has "$(call alice up)" 'load average'
mini-mcp audit verify
stop
umount /var/log/mini-mcp
rmdir /var/log/mini-mcp
mv /var/log/kept /var/log/mini-mcp
start
has "$(call alice up)" 'load average'
mini-mcp audit verify
none_failed
