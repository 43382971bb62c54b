//! A gibibyte of output, against the same program and a reader with one pipe between.

use super::contest::timed;
use super::plan::Plan;
use super::policy;
use super::report::{Row, Target, Unit};
use super::session::{Session, call};
use crate::{ALICE, Process, Site};
use std::process::{Command, Stdio};

/// The rate, and what it takes of memory.
pub(super) fn rows(plan: &Plan) -> Vec<Row> {
    let site = Site::with(&policy::launches()).apart().start();
    let mut session = Session::of(&site, ALICE);
    session.succeed(&call("true"));
    let before = peaks(&site);
    let line = call("zeros");
    let turns = if plan.rounds < 100 { 1 } else { 15 };
    let pair = |_| {
        let ours = timed(|| session.succeed(&line));
        timed(piped).as_secs_f64() / ours.as_secs_f64()
    };
    // Either can take twice as long for minutes, so what counts is what took turns.
    let mut rates: Vec<f64> = (0..turns).map(pair).collect();
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    let after = peaks(&site);
    let what = "1 GiB of output: rate, relative to `cat >/dev/null` behind one pipe";
    let grown = after.saturating_sub(before) as f64 / 1024.0;
    let memory = "1 GiB of output: what supervisor and worker take more at their peak";
    vec![
        Row::plain("output", what, rate, Unit::Ratio).within(Target::AtLeast(0.6)),
        Row::plain("output-memory", memory, grown, Unit::Mebibytes).within(Target::AtMost(4.0)),
    ]
}

fn piped() {
    let mut head = Command::new("/usr/bin/head");
    head.args(["--bytes=1G", "/dev/zero"])
        .stdout(Stdio::piped());
    let mut head = head.spawn().expect("it starts");
    let mut cat = Command::new("/usr/bin/cat");
    cat.stdin(head.stdout.take().expect("a pipe"))
        .stdout(Stdio::null());
    assert!(cat.status().expect("it starts").success());
    assert!(head.wait().expect("it ends").success());
}

/// The most that supervisor, worker and lanes had resident so far, in KiB.
fn peaks(site: &Site) -> u64 {
    let mut all = vec![site.supervisor(), site.worker()];
    all.extend(site.worker().children());
    all.into_iter().map(peak).sum()
}

fn peak(process: Process) -> u64 {
    let status = process.status();
    let words = status.get("VmHWM").and_then(|text| text.split(' ').next());
    words.and_then(|word| word.parse().ok()).unwrap_or_default()
}
