//! What an administrator is told, and how he is let in.

use super::{Worker, WorkerError, readable};
use crate::{bounds, sys};
use std::time::Instant;
use wire::{About, Answer, WorkerStatus};

/// Most profiles that an administrator is told of, so that an answer has room.
const REFUSING_MAX: usize = 64;

/// Times that an administrator asks for.
#[derive(Debug)]
pub(super) struct Since {
    pub(super) begin: Instant,
    pub(super) policy: Instant,
    /// Why the policy that was to be loaded last could not be used.
    pub(super) kept: Option<String>,
}

impl Since {
    pub(super) fn now() -> Self {
        let begin = Instant::now();
        Self {
            begin,
            policy: begin,
            kept: None,
        }
    }
}

impl Worker {
    /// Lets an administrator in.
    pub(super) fn administrator(&mut self) -> Result<(), WorkerError> {
        let number = self.next_lane;
        self.next_lane += 1;
        if let Some(admin) = &mut self.admin
            && let Some(visitor) = admin.admit(number)?
        {
            self.events.add(visitor, readable(number))?;
        }
        Ok(())
    }

    /// Answers an administrator; `false` when `number` is none.
    pub(super) fn answer(&mut self, number: u64) -> bool {
        let Some(mut admin) = self.admin.take() else {
            return false;
        };
        let answered = admin.serve(number, |about| match about {
            About::Status => Answer::Status(Box::new(self.status())),
        });
        self.admin = Some(admin);
        answered
    }

    fn status(&self) -> WorkerStatus {
        let mut refusing = bounds::refusing(&self.context.policy, &self.context.containment);
        refusing.truncate(REFUSING_MAX);
        let running = self.lanes.values().filter(|lane| lane.run.is_some());
        let since = |begin: Instant| u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        WorkerStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_ms: since(self.since.begin),
            policy: self.context.policy.digest(),
            policy_age_ms: since(self.since.policy),
            policy_kept: self.since.kept.clone().map(shortened),
            landlock_abi: sys::landlock_abi(),
            containment: self.context.containment.name().to_owned(),
            refusing,
            lanes: u32::try_from(self.lanes.len()).unwrap_or(u32::MAX),
            running: u32::try_from(running.count()).unwrap_or(u32::MAX),
            audit: self.log.head(),
        }
    }
}

/// So much of a text that an answer has room for it.
fn shortened(mut text: String) -> String {
    let mut ends = (0..=text.len().min(8192)).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}
