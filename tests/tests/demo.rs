//! The demonstration of the README shows what it says, and ends well.

use harness::target_directory;
use std::process::{Command, Stdio};

#[test]
fn the_demonstration_shows_its_parts() {
    let program = target_directory().join("examples/demo");
    let output = Command::new(program).stdin(Stdio::null()).output();
    let output = output.expect("cargo has built the example");
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{error}");
    for part in [
        "The tools that the embedded policy allows",
        "Agents may read this file.",
        "denied [path_outside]",
        "[timed out after",
        "The audit trail",
    ] {
        assert!(said.contains(part), "no `{part}` in:\n{said}{error}");
    }
}
