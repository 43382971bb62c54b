//! What `mini-mcp` answers on the command line, as a shell sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use support::{mini_mcp, text};

#[test]
fn help_names_every_command_and_succeeds() {
    let help = mini_mcp(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for command in [
        "serve", "connect", "stdio", "check", "doctor", "explain", "tools", "test", "schema",
    ] {
        assert!(text(&help.stdout).contains(command), "{command}");
    }
    assert!(help.stderr.is_empty());
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &["no-such-command"][..],
        &["check", "--workspace", "/"],
        &["serve", "--no-such"],
        &[],
    ] {
        let refused = mini_mcp(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(refused.stdout.is_empty(), "{arguments:?}");
    }
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
