//! What happens a thousand times leaves nothing behind: no process of the service grows
//! with the calls that it has served, in whichever way their commands are made.

use harness::bench::policy;
use harness::{ALICE, Client, Process, Site};
use serde_json::{Value, json};

/// Calls by which each process has its caches, and its heap no room left over from its start.
const FIRST: usize = 300;

/// Calls thereafter: so many that what their heaps grow and shrink by, some ten pages on a
/// busy machine, is little against what so many would leave.
const COUNTED: usize = 2200;

/// What all of those may leave, for caches: less than the smallest allocation for each,
/// which takes 32 bytes.
const LEFT_MAX: u64 = 64 * 1024;

/// Besides those that are measured.
const TOOLS: &str = r#"
[profile.with-terminal]
extends = "plain"
tty = true

[tool.with-terminal]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "with-terminal"
allow = ["alice"]

[tool.recorded]
description = "Prints a text"
command = ["/usr/bin/cat"]
profile = "plain"
allow = ["alice"]
record = true
stdin = "{text}"
args = { text = { type = "string" } }

[tool.with-file]
description = "Reads a file in a directory"
command = ["/usr/bin/cat", "--", "{file}"]
profile = "plain"
allow = ["alice"]
working_directory = "{place}"
args = { file = { type = "path", under = ["@site@/data"] }, place = { type = "path", under = ["@site@/data"], kind = "directory" } }
"#;

/// Memory of its own that `process` has, in bytes.
fn own(process: Process) -> u64 {
    let status = process.status();
    let kilobytes = status["RssAnon"]
        .split_whitespace()
        .next()
        .expect("a number");
    kilobytes.parse::<u64>().expect("a number") * 1024
}

/// Each process of the service by its name: the lane that has the calls, and the others.
fn processes(site: &Site) -> Vec<(&'static str, Process)> {
    let lanes = site.worker().children().into_iter();
    let lanes = lanes.filter(|one| one.status()["Name"] == "mini-mcp-lane");
    let lanes = lanes.map(|lane| ("lane", lane));
    let others = [
        ("first process", site.worker()),
        ("supervisor", site.supervisor()),
    ];
    others.into_iter().chain(lanes).collect()
}

fn assert_nothing_stays(tool: &str, arguments: impl Fn(&Site) -> Value) {
    let site = Site::with(&(policy::launches() + TOOLS)).start();
    std::fs::write(site.path("data/file"), "text").expect("ours");
    let arguments = arguments(&site);
    let client = Client::attach(&site, ALICE);
    let serve = |times: usize| {
        for _ in 0..times {
            let _done = client.call(tool, &arguments).success();
        }
    };
    serve(FIRST);
    let processes = processes(&site);
    let before: Vec<u64> = processes.iter().map(|(_, one)| own(*one)).collect();
    serve(COUNTED);
    for ((name, process), before) in processes.into_iter().zip(before) {
        let left = own(process).saturating_sub(before);
        println!("{tool}, {name}: {left} bytes after {COUNTED} calls");
        assert!(left <= LEFT_MAX, "{tool}, {name}: {left} bytes");
    }
}

#[test]
fn a_command_leaves_nothing() {
    assert_nothing_stays("true", |_| json!({}));
}

#[test]
fn one_with_a_network_of_its_own_leaves_nothing() {
    assert_nothing_stays("own-network", |_| json!({}));
}

#[test]
fn one_with_a_terminal_leaves_nothing() {
    assert_nothing_stays("with-terminal", |_| json!({}));
}

#[test]
fn one_with_input_that_is_recorded_leaves_nothing() {
    assert_nothing_stays("recorded", |_| json!({ "text": "some" }));
}

#[test]
fn one_with_a_file_leaves_nothing() {
    assert_nothing_stays(
        "with-file",
        |site| json!({ "file": site.path("data/file"), "place": site.path("data") }),
    );
}
