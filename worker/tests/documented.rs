//! The worker's manual page: made from what `--help` prints, committed in
//! packaging/man, and compared.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

use std::fs;
use std::path::Path;
use std::process::Command;

const FILES: &str = "\
.SH FILES
.TP
.I /etc/mini\\-mcp/policy.toml
The policy of the service.
.TP
.I /etc/mini\\-mcp/keys
Digests of the API keys, root's alone.
.TP
.I /run/mini\\-mcp\\-worker/worker.sock
Where the service's supervisor connects; made by mini\\-mcp\\-worker.socket.
.TP
.I /var/log/mini\\-mcp/audit.jsonl
The audit trail of the service.
.SH \"SEE ALSO\"
.BR mini\\-mcp (1),
.BR mini\\-mcp\\-policy (5),
.BR landlock (7),
.BR systemd.resource\\-control (5)
";

fn help() -> String {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_mini-mcp-worker"));
    String::from_utf8(worker.arg("--help").output().unwrap().stdout).unwrap()
}

/// The part of the help after `heading`, to the next blank line.
fn part<'a>(help: &'a str, heading: &str) -> &'a str {
    let start = help.find(heading).unwrap() + heading.len();
    help[start..].split("\n\n").next().unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// A line that begins with an option opens a tagged paragraph; others go on.
fn options(part: &str) -> String {
    let mut text = String::new();
    for line in part.lines() {
        match line
            .strip_prefix("  ")
            .and_then(|line| line.split_once("  "))
        {
            Some((option, about)) if option.starts_with('-') => {
                let (option, about) = (escaped(option), escaped(about.trim()));
                text.push_str(&format!(".TP\n.B {option}\n{about}\n"));
            }
            _ => text.push_str(&format!("{}\n", escaped(line.trim()))),
        }
    }
    text
}

fn page(help: &str) -> String {
    let summary = help.lines().next().unwrap().trim_end_matches('.');
    let usage: String = part(help, "Usage:\n")
        .lines()
        .map(|line| format!(".B {}\n.br\n", escaped(line.trim())))
        .collect();
    let (_, described) = help.split_once("\n\n").unwrap();
    let (_, described) = described.split_once("\n\n").unwrap();
    let (described, _) = described.split_once("\n\nOptions:").unwrap();
    let (_, status) = help.split_once("Exit status: ").unwrap();
    [
        ".\\\" Made from --help: change it there.\n",
        ".TH MINI\\-MCP\\-WORKER 8 \"\" \"Mini MCP\" \"Mini MCP\"\n",
        &format!(".SH NAME\nmini\\-mcp\\-worker \\- {}\n", escaped(summary)),
        &format!(".SH SYNOPSIS\n{usage}"),
        &format!(".SH DESCRIPTION\n{}\n", escaped(described)),
        &format!(".SH OPTIONS\n{}", options(part(help, "Options:\n"))),
        &format!(".SH \"EXIT STATUS\"\n{}\n", escaped(status.trim())),
        FILES,
    ]
    .concat()
}

/// `MINI_MCP_BLESS=1` writes it anew.
#[test]
fn the_committed_page_is_made_from_the_help() {
    let made = page(&help());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man/mini-mcp-worker.8");
    if std::env::var_os("MINI_MCP_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "write `{}` anew: MINI_MCP_BLESS=1 cargo test -p mini-mcp-worker --test documented",
        path.display()
    );
    assert_eq!(made.matches("\n.TP\n.B ").count(), 24, "every option");
}
