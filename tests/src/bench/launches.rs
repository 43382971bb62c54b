//! What one launch costs: by the worker alone, by the whole service, by others.

use super::bare::spawn;
use super::contest::{Contest, Times};
use super::direct::Direct;
use super::plan::Plan;
use super::policy;
use super::report::{Row, Target};
use super::session::{Session, call};
use super::web::Request;
use crate::{ALICE, Site};

const BARE: &str = "bare spawn";

/// All launches, in one contest.
#[must_use]
pub(super) fn rows(plan: &Plan) -> Vec<Row> {
    let worker = Direct::start(&policy::launches());
    let (plain, limited) = (Site::with(&policy::launches()).start(), limited());
    let mut session = Session::of(&plain, ALICE);
    let mut counted = Session::of(&limited, ALICE);
    let mut web = Request::of(&plain, ALICE);
    let (line, line_limited) = (call("true"), call("limited"));
    let contest = Contest::default()
        .enter(BARE, spawn)
        .enter("launch", || worker.launch("true"))
        .enter("isolated", || worker.launch("isolated"))
        .enter("own-network", || worker.launch("own-network"))
        .enter("host-network", || worker.launch("host-network"))
        .enter("call", || session.succeed(&line))
        .enter("http", || web.call("true"))
        .enter("limited", || counted.succeed(&line_limited));
    told(&contest.run(plan.rounds(1)))
}

/// Every limit counts, and every line of the trail is waited for.
fn limited() -> Site {
    let site = Site::with(&policy::limited());
    site.worker_option("--audit-sync", "always").start()
}

fn told(times: &Times) -> Vec<Row> {
    let row = |id: &str, what: &str, to: &str, words: &str| {
        Row::ratio(
            id,
            what,
            times.of(id).spread(),
            (words, times.of(to).spread()),
        )
    };
    let to_bare = |id: &str, what: &str| row(id, what, BARE, BARE);
    vec![
        to_bare("launch", "launch by the worker").within(Target::AtMost(1.25)),
        to_bare("isolated", "launch by the worker, isolated").within(Target::AtMost(1.9)),
        to_bare(
            "own-network",
            "launch by the worker, isolated, with a network of its own",
        )
        .within(Target::AtMost(2.6)),
        to_bare(
            "host-network",
            "launch by the worker, isolated, in the host's network",
        ),
        to_bare("call", "`tools/call`").within(Target::AtMost(1.6)),
        to_bare("http", "`tools/call` over HTTP"),
        row(
            "limited",
            "`tools/call` with every limit, each line of the trail waited for",
            "call",
            "`tools/call`",
        ),
    ]
}
