# The attack suite by the built binaries, with what this kernel has of controllers and of
# Landlock. In the root group: in that of this unit there are other processes.
echo $$ >/sys/fs/cgroup/cgroup.procs
set -a
. /machine/in/attack.env
# Emulated, and perhaps beside other work.
MINI_MCP_PATIENCE=10
set +a
MINI_MCP_PROBE=/machine/target/probe /machine/target/debug/deps/attacks nothing_gets_through --nocapture >"$keep/attacks" 2>&1 || {
    grep -v -E ' (INFO|WARN) ' "$keep/attacks" | tail -n 150
    fail "the attack suite"
}
grep -E 'probes as|^test result' "$keep/attacks"
