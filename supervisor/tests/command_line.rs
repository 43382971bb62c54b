//! What `mini-mcp` answers on the command line, as a shell sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const GOOD: &str = r#"
version = 1

[profile.inspect]
read = ["/usr"]
timeout = "10s"

[tool.kernel]
description = "Kernel name and release"
command = ["/usr/bin/uname", "-a"]
profile = "inspect"
allow = ["self"]
"#;

const BAD: &str = r#"
version = 1

[tool.kernel]
description = "Kernel name and release"
command = ["uname"]
profile = "missing"
allow = ["self"]
"#;

fn mini_mcp(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_mini-mcp");
    Command::new(program).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn policy_file(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("policy.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn check(policy: &str) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let file = policy_file(scratch.path(), policy);
    let (workspace, file) = (scratch.path().to_str().unwrap(), file.to_str().unwrap());
    mini_mcp(&["check", "--single-user", "--workspace", workspace, file])
}

#[test]
fn help_names_every_command_and_succeeds() {
    let help = mini_mcp(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for command in ["serve", "connect", "stdio", "check"] {
        assert!(text(&help.stdout).contains(command), "{command}");
    }
    assert!(help.stderr.is_empty());
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &["no-such-command"][..],
        &["check"],
        &["serve", "--no-such"],
        &[],
    ] {
        let refused = mini_mcp(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(refused.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn check_praises_a_good_policy() {
    let checked = check(GOOD);
    assert_eq!(text(&checked.stderr), "");
    assert_eq!(checked.status.code(), Some(0));
    let said = text(&checked.stdout);
    assert!(
        said.ends_with("policy.toml: ok, 1 tool, 1 profile\n"),
        "{said}"
    );
}

#[test]
fn check_prints_every_mistake_of_a_bad_policy() {
    let checked = check(BAD);
    assert_eq!(checked.status.code(), Some(1));
    assert!(checked.stdout.is_empty());
    let said = text(&checked.stderr);
    assert!(said.contains("policy.toml:6:"), "{said}");
    assert!(said.contains("policy.toml:7:"), "{said}");
}

#[test]
fn check_refuses_a_policy_that_others_can_write() {
    let scratch = tempfile::tempdir().unwrap();
    let file = policy_file(scratch.path(), GOOD);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
    let checked = mini_mcp(&["check", "--single-user", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1));
    let said = text(&checked.stderr);
    assert!(
        said.starts_with("mini-mcp: cannot use the policy `"),
        "{said}"
    );
    assert!(said.contains("mode 0620\nhint: "), "{said}");
}

#[test]
fn connect_says_what_to_do_without_a_service() {
    let scratch = tempfile::tempdir().unwrap();
    let socket = scratch.path().join("mcp.sock");
    let refused = mini_mcp(&["connect", "--socket", socket.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.starts_with("mini-mcp: cannot connect to `"), "{said}");
    assert!(said.contains("\nhint: start the service"), "{said}");
}

#[test]
fn stdio_says_which_worker_is_missing() {
    let scratch = tempfile::tempdir().unwrap();
    let audit = scratch.path().join("audit.jsonl");
    let audit = audit.to_str().unwrap();
    let missing = [
        "stdio",
        "--audit",
        audit,
        "--worker-program",
        "/nonexistent/worker",
    ];
    let refused = mini_mcp(&missing);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.starts_with("mini-mcp: cannot start the worker `/nonexistent/worker`"),
        "{said}"
    );
}
