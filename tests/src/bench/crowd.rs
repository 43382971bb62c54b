//! Many clients at once, against as many threads that spawn with nothing around it.

use super::bare;
use super::plan::Plan;
use super::policy;
use super::report::{Row, Target, Unit};
use super::session::{Session, call};
use crate::{ALICE, Site};
use std::sync::Mutex;
use std::time::Duration;

const CLIENTS: usize = 64;

/// Calls a second of all together.
pub(super) fn rows(plan: &Plan) -> Vec<Row> {
    let site = Site::with(&policy::launches()).apart().start();
    let sessions = (0..CLIENTS).map(|_| Mutex::new(Session::of(&site, ALICE)));
    let sessions: Vec<Mutex<Session>> = sessions.collect();
    let line = call("true");
    let (windows, time) = windows(plan);
    // One before what counts, in which the lanes are made.
    calls(&sessions, &line, time);
    let mut rates: Vec<[f64; 2]> = (0..windows)
        .map(|_| [calls(&sessions, &line, time), bare::rate(CLIENTS, time)])
        .collect();
    rates.sort_by(|one, other| (one[0] / one[1]).total_cmp(&(other[0] / other[1])));
    let [ours, theirs] = rates[rates.len() / 2];
    let what = "64 clients at once: calls a second, relative to as many threads that spawn";
    vec![
        Row::plain("crowd", what, ours / theirs, Unit::Ratio).within(Target::AtLeast(0.7)),
        Row::plain(
            "crowd-rate",
            "64 clients at once: calls",
            ours,
            Unit::PerSecond,
        ),
        Row::plain(
            "crowd-bare",
            "64 threads at once: bare spawns",
            theirs,
            Unit::PerSecond,
        ),
    ]
}

/// How many of each, in turn, and how long.
fn windows(plan: &Plan) -> (usize, Duration) {
    if plan.rounds < 100 {
        (1, Duration::from_millis(200))
    } else {
        (5, Duration::from_secs(2))
    }
}

fn calls(sessions: &[Mutex<Session>], line: &str, time: Duration) -> f64 {
    let free: Mutex<Vec<&Mutex<Session>>> = Mutex::new(sessions.iter().collect());
    bare::together(sessions.len(), time, || {
        let session = free.lock().expect("no panic").pop().expect("one for each");
        move || session.lock().expect("no panic").succeed(line)
    })
}
