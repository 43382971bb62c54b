//! The package on Debian machines that are booted for it: its life on this kernel, from
//! the installation to the purge, and what holds on a machine with all controllers and
//! an older kernel. `tests/machine/run.sh` has more of them.

use std::path::Path;
use std::process::{Command, Stdio};

/// Has `machine` take `steps`, or all that fit it; shows what it said when one fails.
fn machine(machine: &str, steps: Option<&str>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("machine/run.sh");
    let mut command = Command::new(script);
    command.arg(machine).stdin(Stdio::null());
    // What cargo tells its tests would have those crates built anew that read it.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_") && name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    if let Some(steps) = steps {
        // Emulated, the suite takes a minute for each identity.
        command
            .env("MINI_MCP_STEPS", steps)
            .env("MINI_MCP_ATTACK_AS", "caller");
    }
    let output = command.output().expect("the script starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaints}");
    assert!(said.contains("== all is well"), "{said}\n{complaints}");
}

#[test]
fn the_package_is_installed_used_broken_upgraded_and_purged() {
    machine("container", None);
}

#[test]
fn an_older_kernel_with_all_controllers_holds_what_the_documents_say() {
    let steps = "deployed policy clock apparmor doctor controllers fallbacks before-reboot reboot after-reboot";
    machine("bookworm", Some(steps));
}
