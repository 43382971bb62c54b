# namespaces.conf: what is refused without it, and what then holds.
# A running worker has given up what its policy did not need of it, and says so.
! policy <<TOML || fail "a worker without its capabilities took the policy"
[tool.apart]
description = "What there is, in a root directory and namespaces of its own"
command = ["/usr/bin/python3", "-c", "import os; print(os.uname().nodename, os.getpid(), sorted(os.listdir('/')))"]
profile = "apart"
allow = ["operators"]

[profile.apart]
read = ["/usr", "/bin", "/lib", "/lib64", "-/etc/ld.so.cache"]
execute = ["/usr"]
strength = "isolated"
network = "loopback"
working_directory = "/"
minimum_landlock = 1
TOML
systemctl restart mini-mcp-worker.service
systemctl reload mini-mcp.service
has "$(call alice apart)" '"is_error": true'
drop_in mini-mcp-worker.service namespaces.conf
report=$(call alice apart)
has "$report" '"is_error": false, "text": "mini-mcp [0-9]+ '
lacks "$report" "'machine'"
has "$(call alice up)" 'load average'
without mini-mcp-worker.service
no_policy
