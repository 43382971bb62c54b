//! What must hold of every audit trail, whatever was done to the service.

use crate::{Entry, Site};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Asserts that the chain and every signature of the trail hold.
///
/// # Panics
/// When one does not.
#[track_caller]
pub fn assert_whole(site: &Site) {
    let mut verify = Command::new(site.program("mini-mcp"));
    verify.args(["audit", "verify", "--json", "--audit"]);
    let output = verify.arg(site.trail_file()).output().expect("it runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(told["whole"], true, "{told}");
}

/// Asserts of the lines of workers that have ended in order: each run has one start and
/// one end; what waited for an approval has exactly one ending; and what is started by an
/// approval was given it before, once where it was given once.
///
/// # Panics
/// When it is not so.
#[track_caller]
pub fn assert_lawful(trail: &[Entry]) {
    let mut runs: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut approvals: BTreeMap<&str, Approval> = BTreeMap::new();
    for entry in trail {
        match (entry.event(), entry.text("run")) {
            ("start", run) => runs.entry(run).or_default().0 += 1,
            ("end", run) => runs.entry(run).or_default().1 += 1,
            _ => {}
        }
        let id = entry.text("approval");
        if !id.is_empty() {
            approvals.entry(id).or_default().feed(entry);
        }
        let asked = entry.event() == "start" && entry.text("rule").ends_with(".ask");
        assert!(!asked || !id.is_empty(), "not approved: {entry:?}");
    }
    for (run, times) in runs {
        assert_eq!(times, (1, 1), "starts and ends of run {run}");
    }
    for (id, approval) in approvals {
        approval.assert_sound(id);
    }
}

/// What a trail tells of one request for approval.
#[derive(Debug, Default)]
struct Approval {
    waited: u32,
    approved: u32,
    standing: bool,
    started: u32,
    ended_otherwise: u32,
}

impl Approval {
    fn feed(&mut self, entry: &Entry) {
        match entry.event() {
            "waiting" => self.waited += 1,
            "approved" => {
                self.approved += 1;
                self.standing = entry.text("scope") != "once";
            }
            "start" => {
                assert_eq!(self.approved, 1, "started and not approved: {entry:?}");
                self.started += 1;
            }
            "deny" | "refuse" | "withdrawn" => self.ended_otherwise += 1,
            _ => {}
        }
    }

    #[track_caller]
    fn assert_sound(&self, id: &str) {
        let endings = self.started + self.ended_otherwise;
        let sound = self.waited == 1 && self.approved <= 1;
        let once = endings == 1 || self.standing && endings > 1;
        assert!(sound && once, "request {id}: {self:?}");
    }
}
