//! `mini-mcp audit` on a terminal: rows that are too long go on beneath themselves.

use harness::{ALICE, BASE, Client, Site, Terminal};
use serde_json::json;
use std::process::Command;

/// What it shows in a terminal that is so wide.
fn shown(site: &Site, columns: u16) -> String {
    let mut command = Command::new(site.program("mini-mcp"));
    command.arg("audit").arg("--audit").arg(site.trail_file());
    let mut terminal = Terminal::start(&command, 50, columns);
    assert!(terminal.ended().success());
    assert!(!terminal.is_alternate());
    terminal.screen()
}

#[test]
fn long_rows_are_folded_where_they_are_read() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let words = "wide ".repeat(60);
    let called = client.call("print", &json!({"first": words.trim_end()}));
    let run = called.field("run_id").as_str().expect("a run").to_owned();
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    for columns in [80, 200] {
        let screen = shown(&site, columns);
        let lines: Vec<&str> = screen.lines().collect();
        let at = lines.iter().position(|line| line.contains("print"));
        let at = at.unwrap_or_else(|| panic!("no call in\n{screen}"));
        let (first, next) = (lines[at], lines[at + 1]);
        assert!(!next.trim_start().is_empty(), "{screen}");
        let indent = next.len() - next.trim_start().len();
        // Beneath the caller in a narrow one, beneath the command in a wide one.
        let wanted = match columns {
            80 => 12,
            _ => first.find("/usr/bin/printf").expect("the command"),
        };
        assert_eq!(indent, wanted, "{screen}");
        let told: String = screen.split_whitespace().collect();
        assert_eq!(told.matches("wide").count(), 60, "{screen}");
        // Names of clients look like those of runs.
        let mut calls = lines.iter().filter(|line| !line.contains("attaches as"));
        let names_it = calls.any(|line| line.contains(&run));
        assert_eq!(names_it, columns == 200, "{screen}");
        assert!(
            lines.iter().any(|line| line.ends_with("/usr/bin/true")),
            "{screen}"
        );
    }
    // Not where nobody reads it: programs want lines.
    let mut command = Command::new(site.program("mini-mcp"));
    command.arg("audit").arg("--audit").arg(site.trail_file());
    let output = command.output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let line = text.lines().find(|line| line.contains("wide"));
    assert_eq!(line.expect("one line").matches("wide").count(), 60);
}
