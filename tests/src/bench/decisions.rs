//! What the policy costs by itself: reading a large one, and deciding a call.

#[path = "../../../policy/benches/policy/large.rs"]
mod large;

use super::contest::timed;
use super::plan::Plan;
use super::report::{Row, Target, Unit};
use super::series::Series;
use large::{arguments, caller, parsed, text};
use policy::Decision;
use std::hint::black_box;

const PRINCIPALS: usize = 1000;
/// Decisions of one sample: one alone is shorter than the clock's grain.
const BATCH: u32 = 50;

/// Decisions of small and large policies, and reading the large one.
pub(super) fn rows(plan: &Plan) -> Vec<Row> {
    let large = text(10_000, PRINCIPALS);
    let loads: Series = (0..(plan.rounds / 100).clamp(1, 11))
        .map(|_| timed(|| drop(black_box(parsed(&large)))))
        .collect();
    let load = loads.spread();
    let few = decision(plan, 10);
    let many = decision(plan, 10_000);
    let limit = Target::AtMost(2.0);
    let decided = |id: &str, what: &str, times: &Series| {
        let spread = times.spread();
        let row = Row::plain(id, what, spread.p50, Unit::Microseconds);
        Row {
            spread: Some(spread),
            ..row
        }
        .within(limit)
    };
    let read = Row::plain(
        "load",
        "policy of 10,000 tools read",
        load.p50 / 1e3,
        Unit::Milliseconds,
    );
    vec![
        decided("decision-10", "decision among 10 tools", &few),
        decided("decision-10000", "decision among 10,000 tools", &many),
        Row {
            spread: Some(load),
            ..read
        }
        .within(Target::AtMost(300.0)),
    ]
}

fn decision(plan: &Plan, tools: usize) -> Series {
    let policy = parsed(&text(tools, PRINCIPALS));
    let (caller, arguments) = (caller(), arguments());
    let decide = || policy.decide(&caller, "t1", &arguments);
    assert!(matches!(decide(), Decision::Allow(_)));
    let sample = || timed(|| (0..BATCH).for_each(|_| drop(black_box(decide())))) / BATCH;
    (0..plan.rounds.max(3)).map(|_| sample()).collect()
}
