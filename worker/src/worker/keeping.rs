//! What the first process does for runs whose output is recorded: files before the
//! start, names for them at the end, whoever tells of it.

use super::lanes::LaneProcess;
use super::{Worker, say};
use crate::audit::{Entry, Recorded};
use crate::explain::explain;
use crate::recordings::Recording;
use wire::Denial;

impl Worker {
    /// Files for what the command of `entry` prints, where that must be recorded; or the
    /// denial where it cannot be.
    pub(super) fn recording(&mut self, entry: &Entry) -> Result<Option<Recording>, Denial> {
        let Entry::Start {
            call, record: true, ..
        } = entry
        else {
            return Ok(None);
        };
        let denied = |error| Denial {
            code: "not_recorded".to_owned(),
            rule: format!("tool.{}.record", call.tool),
            reason: explain(&error),
        };
        self.recordings.begin().map(Some).map_err(denied)
    }

    /// Keeps what a lane has recorded; whether there was anything to keep.
    pub(super) fn keep(&mut self, number: u64, recorded: &mut Recorded) -> bool {
        let lane = self.lanes.get_mut(&number);
        let Some(recording) = lane.and_then(|lane| lane.recording.take()) else {
            return false;
        };
        self.recordings.keep(&recording, recorded);
        if let Some(failure) = &recorded.failure {
            say(failure);
        }
        true
    }

    /// Keeps and records what there is of the output of a run whose lane is lost.
    pub(super) fn keep_of_lost(&mut self, lane: &LaneProcess, run: &str) {
        let Some(recording) = &lane.recording else {
            return;
        };
        let entry = recording.so_far().map(|mut recorded| {
            recorded.failure = Some("the lane was lost: there may have been more".to_owned());
            self.recordings.keep(recording, &mut recorded);
            Entry::Recorded(recorded)
        });
        match entry.map(|entry| self.log.record(&entry, Some(run))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => say(&explain(&error)),
            Err(error) => say(&format!(
                "cannot read what was recorded of run {run}: {error}"
            )),
        }
    }
}
