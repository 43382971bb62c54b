//! The everyday programs under one sandbox.

use super::Sandbox;
use crate::RUNNER;
use crate::everyday::{Desk, cases};

/// How many did what they do outside, and how the others differed.
#[derive(Debug, Clone, Default)]
pub struct Worked {
    /// All.
    pub total: usize,
    /// Name and difference of those that did not.
    pub failed: Vec<(String, String)>,
}

/// Tries all of them under `sandbox`.
#[must_use]
pub fn everyday(sandbox: Sandbox) -> Worked {
    let mut worked = Worked::default();
    for case in cases() {
        let desk = Desk::new(RUNNER, &case);
        worked.total += 1;
        let failure = match sandbox {
            Sandbox::Nothing => desk.outside(),
            Sandbox::Default | Sandbox::Isolated | Sandbox::Bubblewrap | Sandbox::Nsjail => {
                desk.under(sandbox)
            }
        };
        worked.failed.extend(failure.map(|told| (case.name, told)));
    }
    worked
}
