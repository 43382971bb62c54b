//! How many instructions a launch takes outside the kernel, held to a committed bound: a
//! figure that no load of the machine moves. `MINI_MCP_BLESS=1` writes the bounds anew.
//! The first process is left out: when it signs is a matter of time.

use harness::{ALICE, BASE, Front, Lane, Site, count, listen, target_directory};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::time::{TimeVal, TimeValLike};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use wire::{Reply, Status};

/// Most of a bound that a change may add before it must be looked at, in percent.
const SLACK: u64 = 5;

/// The first fills what later ones find.
const LAUNCHES: u32 = 4;

/// One launch in each strength; stepped, it takes longer than what commands may.
const TOOLS: &str = r#"
[profile.stepped]
extends = "plain"
timeout = "10min"

[profile.isolated]
extends = "stepped"
strength = "isolated"
read = ["/lib64"]

[tool.default]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "stepped"
allow = ["alice"]

[tool.isolated]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "isolated"
allow = ["alice"]
"#;

/// A worker that is optimized: one that is not takes ten times the instructions, and says
/// little of one that is.
fn worker() -> PathBuf {
    let target = target_directory().join("..");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--profile", "quick"]);
    cargo
        .args(["-p", "mini-mcp-worker", "--target-dir"])
        .arg(&target);
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(status.expect("cargo").success(), "cannot build the worker");
    target.join("quick/mini-mcp-worker")
}

fn front() -> Front {
    let mut site = Site::with(&format!("{BASE}{TOOLS}")).prepare();
    let program = site.program("mini-mcp-worker");
    fs::remove_file(&program).expect("ours");
    fs::copy(worker(), &program).expect("ours");
    site.start_worker();
    let listener = listen(&site.front());
    Front { site, listener }
}

/// Of one launch of `tool` by a lane that has launched before: the least of several, since
/// a lane looks now and then whether the host has changed.
fn least(front: &Front, tool: &str) -> [(&'static str, u64); 2] {
    let (client, _end) = front.client(ALICE);
    let lane = Lane::greeted(&front.site);
    // Each step is two changes of process.
    let patience = TimeVal::minutes(5);
    setsockopt(&lane, ReceiveTimeout, &patience).expect("a socket has a timeout");
    // The youngest: those of former rounds may still be ending.
    let process = front.site.lanes().into_iter().max_by_key(|lane| lane.id());
    let (mut of_lane, mut of_command) = (Vec::new(), Vec::new());
    count(process.expect("a lane"), |counted| {
        for _ in 0..LAUNCHES {
            let before = (counted.lane(), counted.command());
            let _pipes = lane.run(&front.site, client.as_fd(), tool, &[]);
            match lane.hear() {
                Ok(Reply::Started { .. }) => {}
                other => panic!("{other:?}"),
            }
            match lane.hear() {
                Ok(Reply::Finished(outcome)) => assert_eq!(outcome.status, Status::Exited(0)),
                other => panic!("{other:?}"),
            }
            of_lane.push(counted.lane() - before.0);
            of_command.push(counted.command() - before.1);
        }
        drop(lane);
    });
    println!("{tool}: lane {of_lane:?}, command {of_command:?}");
    let least = |counts: &[u64]| *counts.iter().min().expect("launches");
    [("lane", least(&of_lane)), ("command", least(&of_command))]
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions.txt")
}

/// `TOOL PROCESS COUNT` a line.
fn bounds() -> BTreeMap<String, u64> {
    let text = fs::read_to_string(file()).expect("bounds\nhint: MINI_MCP_BLESS=1 writes them");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let entry = |line: &str| {
        let (name, count) = line.rsplit_once(' ').expect("a name and a count");
        (name.to_owned(), count.parse().expect("a number"))
    };
    lines.map(entry).collect()
}

#[test]
fn a_launch_takes_no_more_instructions_than_it_did() {
    let front = front();
    let mut counted = BTreeMap::new();
    for tool in ["default", "isolated"] {
        for (process, count) in least(&front, tool) {
            counted.insert(format!("{tool} {process}"), count);
        }
    }
    println!("{counted:#?}");
    if std::env::var_os("MINI_MCP_BLESS").is_some() {
        let mut text =
            "# Instructions of one launch outside the kernel: tool, process, count.\n".to_owned();
        for (name, count) in &counted {
            writeln!(text, "{name} {count}").expect("a text grows");
        }
        fs::write(file(), text).expect("ours");
    }
    let bounds = bounds();
    assert_eq!(
        counted.keys().collect::<Vec<_>>(),
        bounds.keys().collect::<Vec<_>>()
    );
    for (name, count) in counted {
        let bound = bounds[&name];
        assert!(
            count * 100 <= bound * (100 + SLACK),
            "{name}: {count} instructions, {bound} before\n\
             hint: if they are worth it, MINI_MCP_BLESS=1 writes the new bound"
        );
    }
}
