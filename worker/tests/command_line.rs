//! What an administrator sees who starts the worker by hand.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

use std::process::{Command, Output};

fn worker(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mini-mcp-worker"))
        .args(arguments)
        .output()
        .unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_names_every_option() {
    let output = worker(&["--help"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let options = [
        "--policy",
        "--socket",
        "--front",
        "--supervisor",
        "--workspace",
        "--audit",
        "--containment",
    ];
    for option in options {
        assert!(text.contains(option), "{option}");
    }
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let output = worker(&["serve", "--polcy", "x"]);
    assert_eq!(output.status.code(), Some(2));
    let expected =
        "mini-mcp-worker: invalid option '--polcy'\nhint: see `mini-mcp-worker --help`\n";
    assert_eq!(errors(&output), expected);
}

#[test]
fn a_missing_policy_is_status_1_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.toml");
    let audit = directory.path().join("audit");
    let arguments = [
        "single-user",
        "--workspace",
        "/",
        "--policy",
        path.to_str().unwrap(),
        "--audit",
    ];
    let output = worker(&[arguments.as_slice(), &[audit.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(1));
    let path = path.display();
    assert_eq!(
        errors(&output),
        format!(
            "mini-mcp-worker: cannot read the policy `{path}`: No such file or directory (os error 2)\n"
        )
    );
    assert!(!audit.exists(), "a worker that cannot work starts no trail");
}

#[test]
fn a_policy_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.toml");
    std::fs::write(&path, "version = 1\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o664)).unwrap();
    let arguments = [
        "single-user",
        "--workspace",
        "/",
        "--audit",
        "/dev/null",
        "--policy",
    ];
    let output = worker(&[arguments.as_slice(), &[path.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(1));
    let errors = errors(&output);
    assert!(
        errors.contains("cannot trust the policy") && errors.contains("hint: "),
        "{errors}"
    );
}
