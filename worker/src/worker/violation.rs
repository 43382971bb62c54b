//! What is refused by the first process alone: what breaks a protocol, and starts that
//! were decided under a policy that is no longer in force.

use super::left_out::Spared;
use super::recording::lost_line;
use super::sparing::Sparing;
use super::{Worker, say};
use crate::audit::{Entry, Note, Offender};
use crate::explain::explain;
use crate::lane::stale;
use crate::log::tell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;
use wire::systemd::Severity;

/// Room for what supervisor, administrators and strangers do: none of them takes that of
/// the others.
#[derive(Debug, Default)]
pub(super) struct Violations {
    supervisor: Sparing,
    administrators: Sparing,
    strangers: Sparing,
}

impl Violations {
    fn of(&mut self, offender: Offender) -> (Spared, &mut Sparing) {
        let Self {
            supervisor,
            administrators,
            strangers,
        } = self;
        match offender {
            Offender::Supervisor => (Spared::BySupervisor, supervisor),
            Offender::Administrator(_) => (Spared::ByAdministrators, administrators),
            Offender::NoSupervisor(_) | Offender::NoAdministrator(_) => {
                (Spared::ByStrangers, strangers)
            }
        }
    }

    /// All of them.
    pub(super) fn spared(&mut self) -> impl Iterator<Item = (Spared, &mut Sparing)> {
        [
            (Spared::BySupervisor, &mut self.supervisor),
            (Spared::ByAdministrators, &mut self.administrators),
            (Spared::ByStrangers, &mut self.strangers),
        ]
        .into_iter()
    }
}

impl Worker {
    /// Records that somebody did on a socket what nobody may, if there is room.
    pub(super) fn violated(&mut self, offender: Offender, reason: &str) {
        let mut entry = Entry::Violation {
            offender,
            reason: reason.to_owned(),
            left_out: 0,
        };
        if !self.is_worth_a_line(&mut entry) {
            return;
        }
        if let Err(error) = self.log.record(&entry, None) {
            // It was refused all the same.
            say(&explain(&error));
        }
    }

    /// Whether there is room for `entry`, which is told how many before it had none. What
    /// breaks a protocol is said in the log as well, and no more often.
    pub(super) fn is_worth_a_line(&mut self, entry: &mut Entry) -> bool {
        let ((what, lines), left_out) = match entry {
            Entry::WrongKey { left_out, .. } => {
                ((Spared::WrongKey, &mut self.wrong_keys), left_out)
            }
            Entry::Violation {
                offender, left_out, ..
            } => {
                let (what, lines) = self.violations.of(*offender);
                self.metrics.violated(what);
                ((what, lines), left_out)
            }
            Entry::Refuse { call, left_out, .. } if call.caller.is_none() => {
                ((Spared::Unproven, &mut self.unproven), left_out)
            }
            Entry::Start { .. }
            | Entry::End(_)
            | Entry::Output(_)
            | Entry::Deny { .. }
            | Entry::Refuse { .. }
            | Entry::Recorded(_)
            | Entry::KeyUse { .. }
            | Entry::Attach(_)
            | Entry::Detach(_) => return true,
        };
        let Some(others) = lines.room(Instant::now()) else {
            self.leave_out(what);
            return false;
        };
        *left_out = others;
        if let Entry::Violation { reason, .. } = entry {
            tell(Severity::Warning, reason, &[("code", "violation")]);
        }
        true
    }

    /// Ends, to be started anew, for a supervisor that speaks a newer `version`, if another
    /// worker is installed than this one: whoever has taken a supervisor over can greet as
    /// he likes, and limits would begin anew with each worker.
    pub(super) fn greeted_by_newer(&mut self, version: u16) {
        if is_replaced() {
            self.outdated = Some(version);
            self.stop();
        } else {
            let what = format!(
                "a supervisor of version {version} greets, and this worker of version {} is \
                 what is installed",
                wire::VERSION
            );
            self.violated(Offender::Supervisor, &what);
        }
    }

    /// Whether `entry` is a start under a former policy: the lane that decided it did not
    /// know yet, and the supervisor may have waited for that.
    pub(super) fn is_stale(&self, entry: &Entry) -> bool {
        let now = self.context.policy.digest();
        matches!(entry, Entry::Start { call, .. } if call.policy != now)
    }

    /// Records that `start` is refused for that.
    pub(super) fn turn_away(&mut self, start: &Entry) -> Note {
        let Some(entry) = start.refused(stale()) else {
            return Note::Stop;
        };
        match self.log.record(&entry, None) {
            Ok(()) => {
                self.seen(&entry);
                Note::Stale
            }
            Err(error) => lost_line(&error),
        }
    }
}

/// Whether another file is now where this program was executed from.
fn is_replaced() -> bool {
    const RUNNING: &str = "/proc/self/exe";
    let Ok(link) = fs::read_link(RUNNING) else {
        return false;
    };
    // What proc_pid_exe(5) adds when the file has lost its name.
    let path = link.to_string_lossy();
    let path = path.strip_suffix(" (deleted)").unwrap_or(&path);
    let file = |path: &str| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((file(RUNNING), file(path)), (Ok(running), Ok(there)) if running != there)
}
