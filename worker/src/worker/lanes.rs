//! Lanes and their runs, as the first process keeps count of them: how they come, and
//! what becomes of one that is lost.

use super::overview::milliseconds;
use super::{LANES_MAX, Worker, WorkerError, readable, say};
use crate::admission::Places;
use crate::audit::{Began, Ending, Entry, Note, Offender, Waiting, since_boot};
use crate::brief::Brief;
use crate::discard::discard;
use crate::door::Visit;
use crate::explain::explain;
use crate::lane::{Lane, hand_note};
use crate::log::tell;
use crate::metrics::Counting;
use crate::recordings::Recording;
use crate::sandbox::tree;
use crate::sys::{self, Fork, Process};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::systemd::Severity;
use wire::{Failure, Runs};

impl Worker {
    /// Accepts a connection and forks. In the child, returns what a lane needs.
    pub(super) fn visit(&mut self) -> Result<Option<(OwnedFd, OwnedFd)>, WorkerError> {
        let Some(door) = &self.door else {
            return Ok(None);
        };
        match door.accept()? {
            Visit::Closed => self.stop(),
            Visit::Nobody => {}
            Visit::Shortage(errno) => say(&format!("cannot let the supervisor in: {errno}")),
            Visit::Stranger(user, connection) => {
                discard(connection);
                self.violated(
                    Offender::NoSupervisor(user.as_raw()),
                    &format!("cannot let user {user} in: he is not the supervisor"),
                );
            }
            Visit::Connection(connection) if self.lanes.len() >= LANES_MAX => {
                discard(connection);
                self.violated(
                    Offender::Supervisor,
                    &format!(
                        "cannot let the supervisor in: it has {LANES_MAX} connections already"
                    ),
                );
            }
            Visit::Connection(connection) => match self.fork() {
                Ok(Side::Lane(records)) => return Ok(Some((connection, records))),
                Ok(Side::First(process, records)) => self.enlist(process, connection, records),
                // Out of processes or descriptors for now; lanes that run go on.
                Err(errno) => {
                    discard(connection);
                    say(&format!("cannot open a lane: {errno}"));
                }
            },
        }
        Ok(None)
    }

    /// Makes a process with a way to this one, on which this one listens.
    fn fork(&self) -> Result<Side, Errno> {
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        self.events.add(&ours, readable(self.next_lane))?;
        match sys::fork(0, None)? {
            Fork::Child => Ok(Side::Lane(theirs)),
            Fork::Parent(process) => Ok(Side::First(process, ours)),
        }
    }

    fn enlist(&mut self, process: Process, connection: OwnedFd, records: OwnedFd) {
        let lane = LaneProcess {
            process,
            connection,
            records,
            run: None,
            call: None,
            ended: None,
            approved: None,
            places: Places::default(),
            user: None,
            recording: None,
            counting: None,
        };
        self.lanes.insert(self.next_lane, lane);
        self.next_lane += 1;
    }

    /// Keeps nothing of the first process: its door, its trail, its other lanes.
    pub(super) fn into_lane(self, connection: OwnedFd, records: OwnedFd) -> Lane {
        let Self { context, .. } = self;
        Lane::new(connection, records, context)
    }

    /// Waits for ended children: lanes, and what lost lanes left to us.
    pub(super) fn reap(&mut self) {
        let reaped = tree::reap_ended();
        // Before anything is recorded, for which that process may be waited for.
        if let Err(error) = self.log.ended(&reaped) {
            say(&explain(&error));
        }
        for (pid, ended) in reaped {
            self.hook.ended(pid, ended.status);
            let lane = self
                .lanes
                .iter()
                .find(|(_, lane)| lane.process.pid == pid)
                .map(|(number, _)| *number);
            if let Some(number) = lane {
                self.hear_out(number);
                self.forsaken(number);
            }
            if let Some(lane) = lane.and_then(|number| self.lanes.remove(&number)) {
                self.lost(lane, ended.status);
            }
        }
    }

    /// Ends what a lane left behind and records it.
    fn lost(&mut self, mut lane: LaneProcess, status: i32) {
        let _deleted_already = self.events.delete(&lane.records);
        self.admission.leave(std::mem::take(&mut lane.places));
        self.context.containment.tidy(lane.process.pid);
        self.metrics.ended(lane.counting.take(), "lost");
        if let Some(run) = lane.run.clone() {
            self.cut_off(&lane, &run, status);
        }
        // What nobody has taken from it may take long to close.
        discard(lane.connection);
    }

    /// Ends the run of a lost lane.
    fn cut_off(&mut self, lane: &LaneProcess, run: &str, status: i32) {
        let living = self.lanes.values().map(|lane| lane.process.pid);
        let living = living.chain(self.hook.processes());
        let living: BTreeSet<Pid> = living.chain(self.log.process()).collect();
        self.context.containment.sweep(lane.process.pid, &living);
        lane.user.iter().for_each(|user| self.users.leave(*user));
        let reason =
            format!("cannot tell how the command ended: its lane was lost (wait status {status})");
        let fields = [("run", run), ("code", "lane_lost")];
        tell(Severity::Warning, &format!("{reason}; run {run}"), &fields);
        self.keep_of_lost(lane, run);
        let failure = Failure {
            code: "lane_lost".to_owned(),
            reason,
        };
        let entry = Entry::End(Ending::Failed(failure));
        if let Err(error) = self.log.record(&entry, Some(run)) {
            // Nothing more is started until the trail can be written again.
            say(&explain(&error));
        }
    }
}

/// Who one is after a lane has been made, with his end of the way to the other.
enum Side {
    Lane(OwnedFd),
    First(Process, OwnedFd),
}

/// A lane as the first process sees it.
#[derive(Debug)]
pub(super) struct LaneProcess {
    pub(super) process: Process,
    /// To the supervisor, who is told there what has been recorded; nothing is read.
    pub(super) connection: OwnedFd,
    pub(super) records: OwnedFd,
    /// The run that has begun and not ended.
    pub(super) run: Option<String>,
    /// What that is, for whoever watches.
    pub(super) call: Option<Brief>,
    /// The run that has ended last, until its output is told.
    pub(super) ended: Option<String>,
    /// The call that is approved and that it may start, once.
    pub(super) approved: Option<Box<Waiting>>,
    /// What that run occupies.
    pub(super) places: Places,
    /// The user that is its own.
    pub(super) user: Option<u32>,
    /// Where what it prints is recorded.
    pub(super) recording: Option<Recording>,
    /// As what the run that has begun is counted.
    pub(super) counting: Option<Counting>,
}

/// Names runs: unique over restarts without randomness.
#[derive(Debug)]
pub(super) struct RunNames {
    epoch: u64,
    next: u64,
}

impl RunNames {
    pub(super) fn new() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            epoch: u64::try_from(since.as_millis()).unwrap_or_default(),
            next: 0,
        }
    }

    /// Whether `name` is of the kind that is given here, after `prefix`.
    pub(super) fn is_own(&self, name: &str, prefix: &str) -> bool {
        let rest = name.strip_prefix(prefix);
        let epoch = rest.and_then(|rest| rest.split_once('-'));
        epoch.is_some_and(|(epoch, _)| epoch == format!("{:x}", self.epoch))
    }

    pub(super) fn next(&mut self) -> String {
        self.next += 1;
        format!("{:x}-{}", self.epoch, self.next)
    }
}

impl LaneProcess {
    /// Tells it, and never waits for it: a lane that does not listen is ended.
    pub(super) fn tell(&self, note: &Note) {
        if hand_note(self.records.as_fd(), note, &self.handed(note)).is_err() {
            self.kill();
        }
    }

    /// Ends it, and nobody else: it may be reaped already, when its number is another's.
    pub(super) fn kill(&self) {
        let lane = self.process.pidfd.as_fd();
        let _ended_already = sys::pidfd_send_signal(lane, Signal::SIGKILL);
    }

    /// The name of the run that `entry` is about.
    pub(super) fn name(&mut self, entry: &Entry, runs: &mut RunNames) -> Option<String> {
        match entry {
            Entry::Start { .. } => self.run.insert(runs.next()).clone().into(),
            Entry::Output(_) => self.ended.take(),
            Entry::End(_)
            | Entry::Deny { .. }
            | Entry::Refuse { .. }
            | Entry::WrongKey { .. }
            | Entry::Violation { .. }
            | Entry::Recorded(_) => self.run.clone(),
            Entry::KeyUse { .. } | Entry::Attach(_) | Entry::Detach(_) => None,
        }
    }

    /// What the lane is told; only a start gives it a name, and an end takes it away.
    pub(super) fn note_recorded(&mut self, entry: &Entry) -> Option<Began> {
        match entry {
            Entry::Start {
                call,
                principal,
                argv,
                ..
            } => {
                self.call = Some(Brief::new(call, principal, argv, since_boot()));
                Some(Began {
                    run: self.run.clone().unwrap_or_default(),
                    user: self.user,
                    record_max: self.recording.as_ref().map_or(0, Recording::max),
                    counted: None,
                })
            }
            Entry::End(_) => {
                self.call = None;
                self.ended = self.run.take();
                None
            }
            Entry::Output(_)
            | Entry::Deny { .. }
            | Entry::Refuse { .. }
            | Entry::WrongKey { .. }
            | Entry::Violation { .. }
            | Entry::Recorded(_)
            | Entry::KeyUse { .. }
            | Entry::Attach(_)
            | Entry::Detach(_) => None,
        }
    }

    /// What is handed to the lane with the answer to its start.
    pub(super) fn handed(&self, note: &Note) -> Vec<BorrowedFd<'_>> {
        match (note, &self.recording) {
            (Note::Recorded(Some(_)), Some(recording)) => recording.files().into(),
            _ => Vec::new(),
        }
    }

    /// A start that is not recorded does not happen, and an end is not tried again.
    pub(super) fn note_lost(&mut self, entry: &Entry) {
        if matches!(entry, Entry::Start { .. } | Entry::End(_)) {
            self.run = None;
            self.call = None;
        }
    }

    /// What it runs, for whoever watches.
    pub(super) fn runs(&self, now: Duration) -> Option<Runs> {
        let (run, call) = (self.run.as_ref()?, self.call.as_ref()?);
        Some(Runs {
            run: run.clone(),
            who: call.who.clone(),
            tool: call.tool.clone(),
            argv: call.argv.clone(),
            since_ms: milliseconds(now.saturating_sub(call.since)),
            lane: self.process.pid.as_raw().unsigned_abs(),
        })
    }
}
