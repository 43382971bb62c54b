//! SIGKILL at any moment, of worker, supervisor or a lane, while several clients call as
//! fast as they can: whatever has run has its line, which was written before, the chain
//! holds, what was cut off is told as such, and nothing is left behind.
//! `MINI_MCP_KILLS=1000` is the long form, `MINI_MCP_SEED` throws the same dice again.

use harness::{BASE, Dice, Process, Site, assert_lawful, assert_whole, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const CLIENTS: usize = 3;

/// Calls that a client makes at once.
const AT_ONCE: usize = 4;

const MARKS: &str = r#"
[principal.tester]
unix_users = ["root"]

[profile.marks]
run_as = "mmtest-run"
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
write = ["@site@/drop"]
environment = { SITE = "@site@" }

[tool.mark]
description = "Leaves a file, and another one a moment later"
command = ["/usr/bin/sh", "-c", 'echo > "$0"; sleep 0.02; echo > "$0.end"', "@site@/drop/{name}"]
profile = "marks"
allow = ["tester"]
args = { name = { type = "string" } }
"#;

/// One that calls until it is told to stop, and connects again when it is hung up on.
fn caller(front: PathBuf, number: usize, stop: Arc<AtomicBool>) -> JoinHandle<usize> {
    std::thread::spawn(move || {
        let (mut answered, mut next) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
            let Ok(socket) = UnixStream::connect(&front) else {
                continue;
            };
            answered += converse(&socket, number, &mut next, &stop).unwrap_or(0);
        }
        answered
    })
}

/// Calls over one connection to its end; how many of the calls were carried out.
fn converse(
    mut socket: &UnixStream,
    number: usize,
    next: &mut usize,
    stop: &AtomicBool,
) -> std::io::Result<usize> {
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let greeting = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "caller", "version": "0"},
    }});
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    writeln!(socket, "{greeting}\n{ready}")?;
    let mut lines = BufReader::new(socket).lines();
    let mut answered = 0;
    lines.next().transpose()?;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..AT_ONCE {
            *next += 1;
            let arguments = json!({"name": format!("c{number}n{next}")});
            let call = json!({"jsonrpc": "2.0", "id": *next, "method": "tools/call",
                "params": {"name": "mark", "arguments": arguments}});
            writeln!(socket, "{call}")?;
        }
        for _ in 0..AT_ONCE {
            let Some(line) = lines.next().transpose()? else {
                return Ok(answered);
            };
            answered += usize::from(line.contains(r#""exit_code":0"#));
        }
    }
    Ok(answered)
}

/// All lines of the trail, those of its former parts too.
fn whole_trail(site: &Site) -> Vec<harness::Entry> {
    let folder = site.trail_file().parent().expect("a folder");
    let mut parts: Vec<PathBuf> = fs::read_dir(folder)
        .expect("it is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| is_part(path))
        .collect();
    parts.sort();
    parts.push(site.trail_file().to_owned());
    let text: String = parts
        .iter()
        .map(|part| fs::read_to_string(part).expect("text"))
        .collect();
    text.lines()
        .map(|line| harness::Entry(serde_json::from_str(line).expect("a line")))
        .collect()
}

fn is_part(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    ending.len() == 12 && ending.bytes().all(|byte| byte.is_ascii_digit())
}

/// Kills one of them.
fn strike(site: &mut Site, dice: &mut Dice, workers: &mut Vec<Process>) -> &'static str {
    match dice.below(10) {
        0..3 => {
            site.kill_worker();
            site.start_worker();
            workers.push(site.worker());
            "worker"
        }
        3..5 => {
            site.kill_supervisor();
            site.start_supervisor();
            "supervisor"
        }
        _ => {
            let lanes = site.lanes();
            if !lanes.is_empty() {
                let lane = dice.one_of(&lanes).id();
                // It may have ended since.
                let _ended = kill(Pid::from_raw(lane), Signal::SIGKILL);
            }
            "lane"
        }
    }
}

#[test]
fn whatever_is_killed_whatever_ran_is_told() {
    let kills = std::env::var("MINI_MCP_KILLS").map_or(60, |text| text.parse().expect("a number"));
    let mut dice = Dice::seeded();
    let mut site = Site::with(&format!("{BASE}{MARKS}"))
        .worker_option("--audit-turn", "512K")
        .prepare();
    let drop_folder = site.path("drop");
    fs::set_permissions(&drop_folder, PermissionsExt::from_mode(0o777)).expect("root may");
    site.start_worker();
    site.start_supervisor();
    let mut workers = vec![site.worker()];
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CLIENTS)
        .map(|number| caller(site.front(), number, Arc::clone(&stop)))
        .collect();
    let mut struck = Vec::new();
    for _ in 0..kills {
        // Any moment of what the calls go through.
        std::thread::sleep(Duration::from_micros(dice.number() % 60_000));
        struck.push(strike(&mut site, &mut dice, &mut workers));
    }
    stop.store(true, Ordering::Relaxed);
    let answered = callers.into_iter().map(|one| one.join().expect("no panic"));
    let answered: usize = answered.sum();
    // What was cut off by the last kill is told by the next worker.
    site.kill_worker();
    site.start_worker();
    workers.push(site.worker());
    site.kill_supervisor();
    eventually("no lane is left", Duration::from_secs(20), || {
        site.lanes().is_empty().then_some(())
    });
    let last = site.worker();
    site.stop_worker();
    assert!(!last.alive());
    site.assert_no_process();
    for worker in workers {
        assert_eq!(site.cgroups_of(worker), Vec::<PathBuf>::new());
    }

    assert_whole(&site);
    let trail = whole_trail(&site);
    assert_lawful(&trail);
    let of = |event: &'static str| trail.iter().filter(move |one| one.event() == event);
    let started: BTreeSet<&str> = of("start")
        .filter_map(|start| start.field("arguments")["name"].as_str())
        .collect();
    let mut marks = BTreeSet::new();
    for entry in fs::read_dir(&drop_folder).expect("it is there") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("text").trim_end_matches(".end");
        assert!(started.contains(name), "`{name}` ran and has no start");
        marks.insert(name.to_owned());
    }
    let lost = |code: &str| of("end").filter(|end| end.text("code") == code).count();
    let count = |what: &str| struck.iter().filter(|one| **one == what).count();
    println!(
        "killed {} workers, {} supervisors, {} lanes; {} starts, {} marks, {answered} \
         answered; {} worker_lost, {} lane_lost",
        count("worker"),
        count("supervisor"),
        count("lane"),
        started.len(),
        marks.len(),
        lost("worker_lost"),
        lost("lane_lost"),
    );
    assert!(answered > 0 && marks.len() >= answered, "they were at work");
    assert!(
        lost("worker_lost") + lost("lane_lost") > 0,
        "something was cut off"
    );
    // No worker was surprised by what the former one left.
    assert_eq!(of("tamper").count(), 0);
}
