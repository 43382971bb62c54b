//! How long the service takes from its start to the answer of a first call.

use super::plan::Plan;
use super::policy;
use super::report::{Row, Target, Unit};
use super::series::Series;
use super::session::{Session, call};
use crate::{ALICE, Site};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often the client looks whether somebody listens.
const GRAIN: Duration = Duration::from_micros(200);
const PATIENCE: Duration = Duration::from_secs(60);

/// Worker and supervisor at once; the client is there as soon as somebody listens.
pub(super) fn rows(plan: &Plan) -> Vec<Row> {
    let turns = (plan.rounds / 50).clamp(1, 20);
    let times: Series = (0..turns).map(|_| start()).collect();
    let spread = times.spread();
    let row = Row::plain(
        "start",
        "start to first answered call",
        spread.p50 / 1e3,
        Unit::Milliseconds,
    );
    let row = Row {
        spread: Some(spread),
        ..row
    };
    vec![row.within(Target::AtMost(25.0))]
}

fn start() -> Duration {
    let mut site = Site::with(&policy::launches()).apart().prepare();
    let start = Instant::now();
    site.start_at_once();
    while UnixStream::connect(site.front()).is_err() {
        sleep(GRAIN);
        assert!(start.elapsed() < PATIENCE, "the service does not listen");
    }
    let (mut session, line) = (Session::of(&site, ALICE), call("true"));
    // The supervisor may be there before the worker, and says so.
    while !session.succeeds(&line) {
        sleep(GRAIN);
        assert!(start.elapsed() < PATIENCE, "the worker does not listen");
    }
    start.elapsed()
}
