//! Whether a launch costs the same when much has happened before: calls, clients that
//! say nothing, lines of the audit trail.

use super::bare::spawn;
use super::contest::{Contest, Times};
use super::idle::{Idle, allow_many};
use super::plan::Plan;
use super::policy;
use super::report::{Row, Target};
use super::session::{Session, call};
use super::suite::Found;
use crate::{ALICE, Site};
use std::fs::{self, File};
use std::io::{BufWriter, Write};

fn calls(plan: &Plan) -> usize {
    match plan.rounds {
        _ if plan.long => 1_000_000,
        few if few < 100 => 20,
        _ => 10_000,
    }
}

fn trail_bytes(plan: &Plan) -> u64 {
    if plan.rounds < 100 { 1 << 20 } else { 1 << 30 }
}

/// Each against a service that has just begun, in the same contest.
pub(super) fn found(plan: &Plan) -> Found {
    let line = call("true");
    if plan.long {
        allow_many();
    }
    let [fresh, worn, crowded, long] = sites(plan);
    let mut busy = Session::of(&worn, ALICE);
    for _ in 0..calls(plan) {
        busy.succeed(&line);
    }
    let mut sessions = [&fresh, &worn, &crowded, &long].map(|site| Session::of(site, ALICE));
    // Last: they may leave no room for anybody.
    let idle = Idle::at(&crowded, plan);
    let [one, two, three, four] = &mut sessions;
    let times = Contest::default()
        .enter("bare", spawn)
        .enter("fresh", || one.succeed(&line))
        .enter("calls", || two.succeed(&line))
        .enter("clients", || three.succeed(&line))
        .enter("trail", || four.succeed(&line))
        .run(plan.rounds(1));
    let mebibytes = trail_bytes(plan) >> 20;
    let rows = vec![
        row(
            &times,
            "calls",
            &format!("`tools/call` after {} calls", calls(plan)),
        ),
        row(
            &times,
            "clients",
            &format!("`tools/call` beside {} idle clients", idle.count()),
        ),
        row(
            &times,
            "trail",
            &format!("`tools/call` after {mebibytes} MiB of audit trail"),
        ),
    ];
    Found {
        rows,
        skipped: idle.missing().into_iter().collect(),
    }
}

fn row(times: &Times, id: &str, what: &str) -> Row {
    let (found, fresh) = (times.of(id).spread(), times.of("fresh").spread());
    let row = Row::ratio(
        &format!("after-{id}"),
        what,
        found,
        ("a fresh service", fresh),
    );
    row.within(Target::AtMost(1.05))
}

/// A fresh one, two to wear out, and one with a long trail.
fn sites(plan: &Plan) -> [Site; 4] {
    let site = || Site::with(&policy::launches()).apart();
    let mut long = site().worker_option("--audit-turn", "4G").prepare();
    lengthen(&long, trail_bytes(plan));
    long.start_worker();
    long.start_supervisor();
    [site().start(), site().start(), site().start(), long]
}

/// Fills the trail with lines such as the worker writes; it reads where they begin.
fn lengthen(site: &Site, bytes: u64) {
    let path = site.trail_file();
    fs::create_dir_all(path.parent().expect("a folder")).expect("ours");
    let mut file = BufWriter::new(File::create(path).expect("ours"));
    let (zeros, filler) = ("0".repeat(64), "x".repeat(400));
    let mut written = 0;
    let mut seq = 1u64;
    while written < bytes {
        let line = format!(
            "{{\"seq\":{seq},\"prev\":\"{zeros}\",\"time\":\"2026-01-01T00:00:00.000000Z\",\
             \"event\":\"deny\",\"reason\":\"{filler}\"}}\n"
        );
        file.write_all(line.as_bytes()).expect("the disk has room");
        written += line.len() as u64;
        seq += 1;
    }
    file.flush().expect("the disk has room");
}
