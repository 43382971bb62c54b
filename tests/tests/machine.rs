//! The package on Debian machines that are booted for it: its life on this kernel, from
//! the installation to the purge, and what holds on a machine with all controllers and
//! an older kernel. `tests/machine/run.sh` has more of them.

use harness::packaging::{said, script};

/// Has `machine` take `steps`, or all that fit it; shows what it said when one fails.
fn machine(machine: &str, steps: Option<&str>) {
    let mut command = script("tests/machine/run.sh");
    command.arg(machine);
    if let Some(steps) = steps {
        command.env("MINI_MCP_STEPS", steps);
    }
    // Emulated, the suite takes some ten minutes for each identity: here it has those that
    // are another matter under an older Landlock or with controllers.
    command
        .env("MINI_MCP_ATTACK_AS", "caller")
        .env("MINI_MCP_ATTACK_CLASSES", "processes ipc network resources");
    let said = said(&mut command);
    assert!(said.contains("== all is well"), "{said}");
}

#[test]
fn the_package_is_installed_used_broken_upgraded_and_purged() {
    machine("container", None);
}

#[test]
fn an_older_kernel_with_all_controllers_holds_what_the_documents_say() {
    let steps = "deployed policy clock apparmor doctor controllers fallbacks before-reboot reboot after-reboot attacks";
    machine("bookworm", Some(steps));
}
