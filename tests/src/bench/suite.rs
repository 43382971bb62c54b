//! One run: what the plan wants, group by group.

use super::machine::Machine;
use super::plan::Plan;
use super::report::{Report, Row, SCHEMA, Skipped};
use super::{crowd, decisions, growth, launches, memory, output, peers, protocol, start};
use crate::{binary, target_directory};
use std::process::Command;

/// What a group has to tell.
#[derive(Debug, Default)]
pub struct Found {
    /// What was measured.
    pub rows: Vec<Row>,
    /// And what not.
    pub skipped: Vec<Skipped>,
}

impl From<Vec<Row>> for Found {
    fn from(rows: Vec<Row>) -> Found {
        Found {
            rows,
            skipped: Vec::new(),
        }
    }
}

type Group = (&'static str, fn(&Plan) -> Found);

/// All groups, in the order of the table.
const GROUPS: &[Group] = &[
    ("launch", launches::found),
    ("crowd", |plan| crowd::rows(plan).into()),
    ("protocol", |plan| protocol::rows(plan).into()),
    ("output", |plan| output::rows(plan).into()),
    ("memory", memory::found),
    ("start", |plan| start::rows(plan).into()),
    ("policy", |plan| decisions::rows(plan).into()),
    ("growth", growth::found),
    ("peers", peers::found),
];

/// Measures what `plan` wants.
#[must_use]
pub fn measure(plan: &Plan) -> Report {
    let machine = Machine::now();
    let (mut rows, mut skipped) = (Vec::new(), Vec::new());
    for (name, group) in GROUPS.iter().filter(|(name, _)| plan.wants(name)) {
        eprintln!("{name} …");
        let found = group(plan);
        rows.extend(found.rows);
        // Two groups may lack the same.
        for one in found.skipped {
            if !skipped.contains(&one) {
                skipped.push(one);
            }
        }
    }
    Report {
        schema: SCHEMA,
        version: version(),
        rounds: plan.rounds,
        machine: machine.afterwards(),
        rows,
        skipped,
    }
}

/// As the binary says it, and the profile that it was built with.
fn version() -> String {
    let output = Command::new(binary("mini-mcp")).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let target = target_directory();
    let profile = target.file_name().map(|name| name.to_string_lossy());
    format!(
        "{} ({})",
        text.unwrap_or_default(),
        profile.unwrap_or_default()
    )
}
