//! What Landlock refused a command that failed is told in words, where the worker may
//! read the host's audit records.

use harness::{ALICE, Auditing, BASE, Client, Site, SiteBuilder, Starter, scratch};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use tempfile::TempDir;

fn policy() -> String {
    let tool = |name: &str, more: &str| {
        format!(
            "[profile.{name}]\nrun_as = \"caller\"\nread = [\"/usr\", \"/etc/ld.so.cache\"]\n{more}\
             [tool.{name}]\ndescription = \"d\"\nprofile = \"{name}\"\nallow = [\"alice\"]\n\
             command = [\"/usr/bin/python3\", \"-I\", \"-S\", \"-c\", \"{{text}}\"]\n\
             args = {{ text = {{ type = \"string\", max_length = 400, pattern = \"(?s).*\" }} }}\n"
        )
    };
    let kill = "system_call_error_number = \"kill\"\n";
    format!(
        "{BASE}{}{}{}",
        tool("default", ""),
        tool(
            "isolated",
            "strength = \"isolated\"\nconnect = [\"tcp:443\"]\n"
        ),
        tool("killed", kill)
    )
}

fn explaining() -> SiteBuilder {
    Site::with(&policy()).worker_flag("--explain-denials")
}

#[test]
fn a_command_that_failed_is_told_what_it_was_refused() {
    let _auditing = Auditing::on();
    let site = explaining().start();
    let client = Client::attach(&site, ALICE);
    let (_open, name) = readable("a \u{1b}[2J file");
    let open = format!("open({})", json!(name));
    let escaped = name.replace('\u{1b}', "\\u{1b}");
    let shown = format!("openat of {escaped} for reading");
    let called = client.call("default", &json!({ "text": open }));
    assert_eq!(called.field("exit_code"), &json!(1), "{}", called.text());
    let denied = called.field("denied_by_sandbox").to_string();
    assert!(denied.contains(&json!(shown).to_string()), "{denied}");
    let line = format!("[blocked by the sandbox: {shown}]");
    assert!(called.text().contains(&line), "{}", called.text());

    // The audit trail has the same.
    let end = site.audit().pop().expect("an end");
    assert_eq!(
        &end.field("outcome")["denied"],
        called.field("denied_by_sandbox")
    );

    // What went well needs no explanation, whatever the interpreter was refused.
    let called = client.call("default", &json!({ "text": "pass" }));
    assert_eq!(called.field("exit_code"), &json!(0), "{}", called.text());
    assert_eq!(called.field("denied_by_sandbox"), &json!([]));
}

/// A file that is open to everybody and that no profile grants.
fn readable(name: &str) -> (TempDir, String) {
    // No profile has a directory of its own in the place of this one.
    let directory = tempfile::tempdir_in("/opt").expect("root may");
    let mode = Permissions::from_mode(0o755);
    fs::set_permissions(directory.path(), mode).expect("ours");
    let path = directory.path().join(name);
    fs::write(&path, "secret").expect("ours");
    let path = path.display().to_string();
    (directory, path)
}

/// Its first process is an init, whose number the records have as a parent's.
#[test]
fn the_isolated_strength_is_explained_too() {
    let _auditing = Auditing::on();
    let site = explaining().start();
    let client = Client::attach(&site, ALICE);
    let text = "import socket; socket.create_connection(('127.0.0.1', 9), 5)";
    let called = client.call("isolated", &json!({ "text": text }));
    assert_eq!(called.field("exit_code"), &json!(1), "{}", called.text());
    let line = "[blocked by the sandbox: connect to port 9]";
    assert!(called.text().ends_with(line), "{}", called.text());
}

#[test]
fn the_call_that_killed_is_named() {
    let _auditing = Auditing::on();
    let site = explaining().start();
    let client = Client::attach(&site, ALICE);
    let called = client.call("killed", &json!({ "text": "import os; os.chroot('/')" }));
    assert_eq!(called.field("blocked"), &json!(["system_call"]));
    let last = json!("chroot, which the filter kills for");
    let told = called.field("denied_by_sandbox").as_array();
    assert_eq!(told.and_then(|told| told.last()), Some(&last));
}

/// Nobody who did not ask for it is told of the host's records.
#[test]
fn without_the_option_nothing_is_read() {
    let _auditing = Auditing::on();
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let called = client.call("default", &json!({ "text": "open('/etc/passwd')" }));
    assert_eq!(called.field("exit_code"), &json!(1));
    assert_eq!(called.field("denied_by_sandbox"), &Value::Array(Vec::new()));
}

#[test]
fn a_single_run_explains_and_a_user_cannot_ask() {
    let _auditing = Auditing::on();
    let scratch = scratch();
    let (_open, secret) = readable("file");
    let run = |starter: Starter| {
        let options = ["--profile", "default", "--explain-denials"];
        let mut command = starter.run(ALICE, scratch.path(), &options);
        command.args(["--", "cat", &secret]);
        let output = command.stdin(Stdio::null()).output().expect("it starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (status, said) = run(Starter::Root);
    assert_eq!(status, Some(1), "{said}");
    let line = format!("mini-mcp: blocked by the sandbox: openat of {secret} for reading\n");
    assert!(said.contains(&line), "{said}");
    let (status, said) = run(Starter::User);
    assert_eq!(status, Some(125), "{said}");
    assert!(
        said.contains("cannot explain denials: the audit log is closed"),
        "{said}"
    );
    assert!(said.contains("CAP_AUDIT_READ"), "{said}");
}
