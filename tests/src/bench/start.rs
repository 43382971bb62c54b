//! How long the service takes from its start to the answer of a first call.

use super::plan::Plan;
use super::policy;
use super::report::{Row, Target, Unit};
use super::series::Series;
use super::session::{Session, call};
use crate::{ALICE, Site};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    let site = Site::with(&policy::launches()).prepare();
    let start = Instant::now();
    let worker = quietly(site.worker_command());
    let supervisor = quietly(site.supervisor_command());
    let mut session = loop {
        if UnixStream::connect(site.front()).is_ok() {
            break Session::of(&site, ALICE);
        }
        std::thread::sleep(Duration::from_micros(200));
    };
    session.succeed(&call("true"));
    let time = start.elapsed();
    for mut child in [supervisor, worker] {
        drop(
            Command::new("/bin/kill")
                .arg(child.id().to_string())
                .status(),
        );
        drop(child.wait());
    }
    time
}

fn quietly(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("it starts")
}
