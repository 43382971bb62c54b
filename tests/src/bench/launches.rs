//! What one launch costs: by the worker alone, by the whole service, by others.

use super::bare::spawn;
use super::contest::{Contest, Times};
use super::direct::Direct;
use super::plan::Plan;
use super::policy;
use super::report::{Row, Skipped, Target};
use super::session::{Session, call};
use super::stages::inside;
use super::suite::Found;
use super::web::Request;
use crate::{ALICE, Site};

const BARE: &str = "bare spawn";

/// What the worker does of a launch, from the request it has read to the command reaped.
const INSIDE: [(&str, &str, f64); 3] = [
    ("launch", "request read to command reaped", 1.25),
    ("isolated", "request read to command reaped, isolated", 1.9),
    (
        "own-network",
        "request read to command reaped, isolated, with a network of its own",
        2.6,
    ),
];

/// All launches, in one contest; and of three of them the part that the worker has.
#[must_use]
pub(super) fn found(plan: &Plan) -> Found {
    let worker = Direct::start(&policy::launches(), &policy::LAUNCHED);
    let (plain, limited) = (Site::with(&policy::launches()).apart().start(), limited());
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
    let times = contest.run(plan.rounds(1));
    let mut found = parts(&worker, &times, plan);
    found.rows.extend(told(&times));
    found
}

fn parts(worker: &Direct, times: &Times, plan: &Plan) -> Found {
    let mut found = Found::default();
    for (name, what, limit) in INSIDE {
        match inside(worker, tool(name), plan.rounds(2)) {
            Ok(part) => {
                let (id, bare) = (format!("{name}-inside"), times.of(BARE).spread());
                let part = times.of(name).spread().scaled(part);
                let row = Row::ratio(&id, what, part, (BARE, bare));
                found.rows.push(row.within(Target::AtMost(limit)));
            }
            Err(error) => found.skipped.push(Skipped {
                what: what.to_owned(),
                why: format!("{error:#}").replace('\n', "; "),
            }),
        }
    }
    found
}

/// The tool whose launch has this name.
fn tool(name: &str) -> &str {
    if name == "launch" { "true" } else { name }
}

/// Every limit counts, and every line of the trail is waited for.
fn limited() -> Site {
    let site = Site::with(&policy::limited()).apart();
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
    let behind = times.behind(BARE).spread();
    vec![
        Row::ratio(
            "behind",
            "bare spawn right behind another's launch",
            behind,
            (BARE, times.of(BARE).spread()),
        ),
        to_bare("launch", "asked of the worker"),
        to_bare("isolated", "asked of the worker, isolated"),
        to_bare(
            "own-network",
            "asked of the worker, isolated, with a network of its own",
        ),
        to_bare(
            "host-network",
            "asked of the worker, isolated, in the host's network",
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
