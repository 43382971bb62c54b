//! The trail: a chain of lines, each of which names the SHA-256 of the former one,
//! with signed checkpoints now and then.
//!
//! Nothing is done here that a lane could not wait for: one write(2) for each line.
//! What costs more comes when nobody waits: signing here, waiting for the disk in a
//! process of its own, unless the administrator wants every line on the disk before its
//! effect.

mod disk;
mod meddling;
mod place;
#[cfg(test)]
mod tests;
mod turn;
mod write;

pub(crate) use place::AuditError;

use super::file::TrailFile;
use super::history::{History, Link, Torn, beside};
use super::json::hexadecimal;
use super::key::Key;
use super::moment::Moment;
use super::{Approving, Durable, Entry, Keeping, line};
use crate::explain::explain;
use crate::log::{say, tell};
use crate::worker::Spared;
use disk::Underway;
use place::{free, head};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;
use wire::systemd::Severity;
use write::TIME_UNSIGNED;

/// Lines after which a checkpoint follows at once.
const LINES_UNSIGNED: u32 = 256;

/// The open trail.
#[derive(Debug)]
pub(crate) struct Log {
    file: TrailFile,
    /// Lanes are copies, so it is dropped there with all the rest.
    key: Rc<Key>,
    durable: Durable,
    /// Size in bytes at which the file is turned.
    turn_at: u64,
    /// The last line.
    last: Link,
    /// Sequence number of the first line of the file.
    first: u64,
    /// What follows the last line and is none.
    torn: Option<Torn>,
    /// Runs that have begun and not ended.
    running: BTreeSet<String>,
    /// What was wrong with the trail when it was opened.
    finding: Option<String>,
    /// Why the last line could not be written.
    failure: Option<String>,
    /// Lines that could not be written.
    failures: u64,
    /// Lines since the last checkpoint.
    unsigned: u32,
    /// When the next checkpoint is to be made, if there is anything to sign.
    due: Option<Instant>,
    /// What is signed and not on the disk yet.
    underway: Underway,
}

impl Log {
    /// Opens the trail, or starts it, and goes on with the chain that stands there.
    pub(crate) fn open(keeping: &Keeping) -> Result<Self, AuditError> {
        let file = free(keeping)?;
        let path = file.path();
        let failed = |error| AuditError::Open(path.to_path_buf(), error);
        // A device has no past to read, and nothing beside it.
        let (key, history) = if file.size().is_some() {
            let secret = keeping.key.clone();
            let secret = secret.unwrap_or_else(|| beside(path, ".key"));
            let key = Key::load(&secret, &beside(path, ".pub"))?;
            (key, History::read(path, &head(path)).map_err(failed)?)
        } else {
            (Key::passing()?, History::default())
        };
        Ok(Self {
            file,
            key: Rc::new(key),
            durable: keeping.durable,
            turn_at: keeping.turn_at,
            last: history.last,
            first: history.first,
            torn: history.torn,
            running: history.running,
            finding: history.finding,
            failure: None,
            failures: 0,
            unsigned: 0,
            due: None,
            underway: Underway::default(),
        })
    }

    /// Records that the worker begins under the policy with this digest, what is wrong
    /// with the trail, and which runs the former worker left without an end.
    pub(crate) fn begin(&mut self, policy: &wire::PolicyDigest) -> Result<(), AuditError> {
        let (key, boot) = (self.key.public(), Moment::boot_id());
        self.write("open", |object| {
            object
                .text("policy", &hexadecimal(policy))
                .text("version", env!("CARGO_PKG_VERSION"))
                .text("boot", &boot)
                .text("key", &key)
        })?;
        if let Some(finding) = self.finding.clone() {
            let text = format!(
                "the audit trail was tampered with, or lost lines: {finding}\n\
                 hint: `mini-mcp audit verify` says where"
            );
            tell(Severity::Error, &text, &[("code", "tamper")]);
            self.write("tamper", |object| object.text("reason", &finding))?;
        }
        for run in std::mem::take(&mut self.running) {
            let failure = cut_off();
            let text = format!("{}; run {run}", failure.reason);
            let fields = [("run", &*run), ("code", &*failure.code)];
            tell(Severity::Warning, &text, &fields);
            let ending = super::Ending::Failed(failure);
            self.write("end", |object| line::end(object.text("run", &run), &ending))?;
        }
        self.checkpoint()
    }

    /// Records that the policy with this digest takes the place of the former one.
    /// `left_out` before it that changed nothing have no line.
    pub(crate) fn reloaded(
        &mut self,
        policy: &wire::PolicyDigest,
        left_out: u64,
    ) -> Result<(), AuditError> {
        self.turn_when_due();
        self.write("reload", |object| {
            object
                .text("policy", &hexadecimal(policy))
                .literal("left_out", left_out)
        })
    }

    /// Records that the policy with this digest stays, and why.
    pub(crate) fn kept(
        &mut self,
        policy: &wire::PolicyDigest,
        reason: &str,
        left_out: u64,
    ) -> Result<(), AuditError> {
        self.turn_when_due();
        self.write("keep", |object| {
            object
                .text("policy", &hexadecimal(policy))
                .text("reason", reason)
                .literal("left_out", left_out)
        })
    }

    /// Records that `count` of a kind got no line, and that none has followed which
    /// could have told it.
    pub(crate) fn left_out(&mut self, what: Spared, count: u64) -> Result<(), AuditError> {
        self.turn_when_due();
        let (of, by) = what.words();
        self.write("left_out", |object| {
            let object = object.text("of", of);
            let object = match by {
                Some(by) => object.text("by", by),
                None => object,
            };
            object.literal("left_out", count)
        })
    }

    /// Appends the line for `entry`; `run` names the run that it is about.
    pub(crate) fn record(&mut self, entry: &Entry, run: Option<&str>) -> Result<(), AuditError> {
        self.turn_when_due();
        let key = Rc::clone(&self.key);
        let written = self.write(line::event(entry), |object| {
            line::entry(object, entry, run, &key)
        });
        written?;
        match (entry, run) {
            (Entry::Start { .. }, Some(run)) => {
                self.running.insert(run.to_owned());
            }
            (Entry::End(_), Some(run)) => {
                self.running.remove(run);
            }
            _ => {}
        }
        Ok(())
    }

    /// Appends the line of what happens to an approval.
    pub(crate) fn approving(&mut self, what: &Approving<'_>) -> Result<(), AuditError> {
        self.turn_when_due();
        let key = Rc::clone(&self.key);
        self.write(what.event(), |object| what.line(object, &key))
    }

    /// Records that the worker ends in order.
    pub(crate) fn close(&mut self) {
        self.settle();
        let closed = self.write("close", |object| object);
        if let Err(error) = closed.and_then(|()| self.checkpoint()) {
            say(&explain(&error));
        }
    }

    /// The end of the trail, for an administrator.
    pub(crate) fn head(&self) -> wire::AuditHead {
        wire::AuditHead {
            trail: self.file.path().display().to_string(),
            seq: self.last.seq,
            sha256: self.last.sha256,
            unsigned: self.unsigned,
            finding: self.finding.clone(),
            failure: self.failure.clone(),
        }
    }

    /// What is named like the trail and stands beside it; `None` beside a device.
    pub(crate) fn beside(&self, ending: &str) -> Option<PathBuf> {
        self.file.size()?;
        Some(beside(self.file.path(), ending))
    }

    /// The trail in numbers, for an administrator.
    pub(crate) fn numbers(&self) -> wire::AuditNumbers {
        // A checkpoint is due so long after the first line that has no signature.
        let signed_by = self.due.map(|due| due.checked_sub(TIME_UNSIGNED));
        let age = signed_by.flatten().map(|first| first.elapsed());
        wire::AuditNumbers {
            lines: self.last.seq,
            bytes: self.file.size().unwrap_or_default(),
            unsigned: self.unsigned,
            unsigned_age_ms: age
                .map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            writable: self.failure.is_none(),
            failures: self.failures,
            whole: self.finding.is_none(),
        }
    }

    /// Whether a line could be written now. After one that could not, a checkpoint is
    /// tried, so that room that was made is noticed when nobody calls.
    pub(crate) fn is_writable(&mut self) -> bool {
        match self.failure {
            None => self.file.has_room(),
            Some(_) => self.checkpoint().is_ok(),
        }
    }

    /// When [`Self::tick`] is to be called next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Signs what was written, when it is time, and waits for nothing.
    pub(crate) fn tick(&mut self) {
        let due = self.due.is_some_and(|due| due <= Instant::now());
        if (due || self.unsigned >= LINES_UNSIGNED)
            && let Err(error) = self.checkpoint_apart()
        {
            say(&explain(&error));
        }
    }
}

/// How a run ended whose worker was killed.
fn cut_off() -> wire::Failure {
    wire::Failure {
        code: "worker_lost".to_owned(),
        reason: "cannot tell how the command ended: the worker was lost, or could not record it"
            .to_owned(),
    }
}
