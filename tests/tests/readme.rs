//! What the README has a reader type is typed, by a script that reads it out of there.
//! (The installation on a server is, on the machines of tests/machine.)

use harness::packaging::{root, script};
use harness::{Client, scratch};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A directory of the user's that the toolchain needs, under whatever home.
fn of_home(variable: &str, name: &str) -> PathBuf {
    let usual = || Path::new(&env::var_os("HOME").expect("a home")).join(name);
    env::var_os(variable).map_or_else(usual, PathBuf::from)
}

#[test]
#[ignore = "builds both programs as a reader would, in target/quick"]
fn trying_it_in_three_minutes_works_as_it_is_written() {
    let home = scratch();
    let codex = home.path().join(".codex/config.toml");
    fs::create_dir(home.path().join(".codex")).expect("ours");
    fs::write(&codex, "# mine\nmodel = \"m\"\n").expect("ours");
    // Where it builds is for the README to say.
    let mut command = script("tests/readme.sh");
    command.args(["README.md", "Try it in three minutes"]);
    command.current_dir(root()).stdin(Stdio::null());
    command.env("CARGO_HOME", of_home("CARGO_HOME", ".cargo"));
    command.env("RUSTUP_HOME", of_home("RUSTUP_HOME", ".rustup"));
    command.env("HOME", home.path()).env_remove("CODEX_HOME");
    let output = command.output().expect("the script starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    for part in [
        "The audit trail",
        "/.codex/config.toml: would be set up",
        "\n+[mcp_servers.mini-mcp]",
        "config.toml: mini-mcp = ",
    ] {
        assert!(said.contains(part), "no `{part}` in:\n{said}{errors}");
    }
    let written = fs::read_to_string(codex).expect("text");
    assert!(written.starts_with("# mine\nmodel = \"m\"\n"), "{written}");

    // What the client would start serves.
    let (_, rest) = written.split_once("command = \"").expect("a command");
    let program = rest.split('"').next().expect("a path");
    assert_eq!(Path::new(program), root().join("target/quick/mini-mcp"));
    let mut command = Command::new(program);
    command
        .arg("stdio")
        .arg("--audit")
        .arg(home.path().join("audit"));
    let client = Client::spawn(command.current_dir(home.path()));
    client.initialize();
    assert!(client.tools().len() > 3);
}

#[test]
fn a_heading_without_commands_is_told() {
    let mut command = script("tests/readme.sh");
    command
        .args(["README.md", "No such heading"])
        .current_dir(root());
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot find commands below"), "{said}");
}
