//! The worker's first process: it lets the supervisor in, forks a lane for each
//! connection, keeps the audit trail, and cleans up after lanes that are lost.
//! It never touches a request.

mod approving;
mod clients;
mod keeping;
mod lanes;
mod left_out;
mod numbers;
mod overview;
mod recording;
mod reloading;
mod slowing;
mod sparing;
mod status;
mod violation;
mod waiting;
mod windows;

use crate::admin::Admin;
use crate::admission::Admission;
use crate::approvals::Approvals;
use crate::audit::{ASK_MAX, Log, Note};
use crate::context::Context;
use crate::door::{Door, DoorError};
use crate::fresh_users::FreshUsers;
use crate::hook::Hook;
use crate::lane::{DRAIN, Lane};
pub(crate) use crate::log::say;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::recordings::Recordings;
use crate::sandbox::tasks::Told;
use crate::service::{Manager, ServiceError};
use crate::source::Source;
use crate::sys;
use crate::traffic::Traffic;
use clients::Clients;
use lanes::{LaneProcess, RunNames};
pub(crate) use left_out::Spared;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use reloading::Reloads;
use slowing::Slowing;
use sparing::Sparing;
use status::Since;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use thiserror::Error;
use violation::Violations;
use waiting::Queued;

/// Most lanes at once; the supervisor opens fewer, though each call that waits keeps one.
const LANES_MAX: usize = 320;

/// How long lanes have to end when the worker stops: as long as their commands may go on,
/// and time to kill and record those that did.
const PATIENCE: Duration = Duration::from_secs(8);
const _: () = assert!(PATIENCE.as_secs() > DRAIN.as_secs());

const SIGNALS: u64 = 0;
const DOOR: u64 = 1;
const ADMIN: u64 = 2;
/// Lanes and administrators are numbered from here.
const FIRST_LANE: u64 = 3;

/// Why the worker cannot go on.
#[derive(Debug, Error)]
pub(crate) enum WorkerError {
    /// The kernel refuses what a server needs.
    #[error("cannot wait for events")]
    Events(#[from] Errno),
    /// No connection can come any more.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Whoever started it cannot be told that it is ready.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// This process is what is left of a former release.
    #[error(
        "cannot understand the supervisor: it speaks version {0}, not {version}\n\
         hint: install supervisor and worker of the same release",
        version = wire::VERSION
    )]
    Outdated(u16),
}

/// The state of the first process.
#[derive(Debug)]
pub(crate) struct Worker {
    context: Context,
    /// Where the policy is loaded from again.
    source: Source,
    door: Option<Door>,
    /// Where administrators ask; `None` where nobody does.
    admin: Option<Admin>,
    log: Log,
    /// When it began, and when its policy came into force.
    since: Since,
    events: Epoll,
    signals: SignalFd,
    /// Who watches this process.
    manager: Manager,
    lanes: BTreeMap<u64, LaneProcess>,
    next_lane: u64,
    runs: RunNames,
    users: FreshUsers,
    admission: Admission,
    /// Calls for which there is no place yet.
    queue: Queue<Queued>,
    approvals: Approvals,
    /// Whom requests are told that wait for approval.
    hook: Hook,
    wrong_keys: Sparing,
    /// Calls of whoever could not be attested.
    unproven: Sparing,
    reloads: Reloads,
    /// When it is to be told what got no line.
    left_out_due: Option<Instant>,
    /// Answers to those who report much.
    slowing: Slowing,
    /// What was done on sockets that nobody may do there.
    violations: Violations,
    /// For whoever watches.
    traffic: Traffic,
    clients: Clients,
    client_names: RunNames,
    recordings: Recordings,
    /// What lanes have counted.
    tasks: Told,
    /// What administrators are told in numbers.
    metrics: Metrics,
    /// Room for one ask of a lane.
    buffer: Vec<u8>,
    /// Set once the worker is to end.
    deadline: Option<Instant>,
    /// The version of a supervisor that is of a newer release.
    outdated: Option<u16>,
}

impl Worker {
    /// Ready to accept; the trail has begun and the door is open.
    pub(crate) fn new(
        context: Context,
        source: Source,
        (door, admin): (Door, Option<Admin>),
        (log, recordings, users, hook): (Log, Recordings, FreshUsers, Hook),
        signals: SignalFd,
        manager: Manager,
    ) -> Result<Self, WorkerError> {
        // What a lost lane leaves becomes ours, so that it is found and killed.
        prctl::set_child_subreaper(true)?;
        let events = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        events.add(&signals, readable(SIGNALS))?;
        events.add(&door, readable(DOOR))?;
        if let Some(admin) = &admin {
            events.add(admin, readable(ADMIN))?;
        }
        Ok(Self {
            context,
            source,
            door: Some(door),
            admin,
            log,
            since: Since::now(),
            events,
            signals,
            manager,
            lanes: BTreeMap::new(),
            next_lane: FIRST_LANE,
            runs: RunNames::new(),
            users,
            admission: Admission::default(),
            queue: Queue::default(),
            approvals: Approvals::new(),
            hook,
            wrong_keys: Sparing::default(),
            unproven: Sparing::default(),
            reloads: Reloads::default(),
            left_out_due: None,
            slowing: Slowing::default(),
            violations: Violations::default(),
            traffic: Traffic::default(),
            clients: Clients::default(),
            client_names: RunNames::new(),
            recordings,
            tasks: Told::default(),
            metrics: Metrics::default(),
            buffer: vec![0; ASK_MAX],
            deadline: None,
            outdated: None,
        })
    }

    /// Works until told to stop. In the process of a new lane, returns that lane.
    pub(crate) fn run(mut self) -> Result<Option<Lane>, WorkerError> {
        self.let_approvers_in();
        let ready = self.manager.ready(&self.state());
        ready.map_err(ServiceError::from)?;
        // Most of what the start has used is not used again.
        sys::forget_code();
        while self.deadline.is_none() || !self.lanes.is_empty() {
            self.manager.feed(|| self.log.is_writable());
            let mut ready = [EpollEvent::empty(); 32];
            let count = match self.events.wait(&mut ready, self.patience()) {
                Err(Errno::EINTR) => 0,
                count => count?,
            };
            if count == 0 {
                self.kill_lanes();
            }
            self.log.tick();
            self.hook.tick();
            self.tell_left_out(false);
            self.answer_late();
            for event in ready.iter().take(count) {
                match event.data() {
                    SIGNALS => self.signal()?,
                    DOOR => {
                        if let Some((connection, records)) = self.visit()? {
                            return Ok(Some(self.into_lane(connection, records)));
                        }
                    }
                    ADMIN => self.administrator()?,
                    lane => {
                        if !self.answer(lane) {
                            self.ask(lane)?;
                        }
                    }
                }
                // Whoever comes with the next event stands behind those who wait.
                self.let_next_start();
            }
        }
        self.tell_left_out(true);
        self.log.close();
        match self.outdated {
            Some(version) => Err(WorkerError::Outdated(version)),
            None => Ok(None),
        }
    }

    /// How things are, in one line for the service manager.
    fn state(&self) -> String {
        let digest = self.context.policy.digest();
        let short: String = digest
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!(
            "policy {short}, containment {}, Landlock ABI {}",
            self.context.containment.name(),
            sys::landlock_abi()
        )
    }

    fn patience(&self) -> EpollTimeout {
        let (end, due) = (self.deadline, self.log.due());
        let all = end.into_iter().chain(due).chain(self.manager.due());
        let all = all.chain(self.hook.due()).chain(self.left_out_due);
        let all = all.chain(self.slowing.due());
        let Some(next) = all.min() else {
            return EpollTimeout::NONE;
        };
        let left = next.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
    }

    fn signal(&mut self) -> Result<(), WorkerError> {
        let Some(signal) = self.signals.read_signal()? else {
            return Ok(());
        };
        match i32::try_from(signal.ssi_signo).map(Signal::try_from) {
            Ok(Ok(Signal::SIGCHLD)) => self.reap(),
            Ok(Ok(Signal::SIGHUP)) => {
                self.log.follow();
                // Said and recorded; the former policy stays.
                let _kept = self.reload(None);
            }
            _ => self.stop(),
        }
        Ok(())
    }

    fn tell_lanes(&self, note: &Note) {
        for lane in self.lanes.values() {
            lane.tell(note);
        }
    }

    /// Lets nobody in any more and tells every lane to end.
    fn stop(&mut self) {
        self.manager.stopping();
        if let Some(door) = self.door.take() {
            let _closed_anyway = self.events.delete(&door);
        }
        self.tell_lanes(&Note::Stop);
        let late: Vec<_> = self.slowing.all().collect();
        for (lane, note) in late {
            self.tell(lane, &note);
        }
        self.hook.stop();
        self.deadline.get_or_insert(Instant::now() + PATIENCE);
    }

    /// Patience is over: what the lanes leave is swept when they are reaped.
    fn kill_lanes(&mut self) {
        if self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now())
        {
            for lane in self.lanes.values() {
                lane.kill();
            }
        }
    }
}

/// Call before anything is made that must be cleaned up: from then on a signal waits
/// until the worker can end in order. Signals are read from a descriptor; lanes inherit the mask, so that a signal
/// to the whole service stops them in order, through the first process.
pub(crate) fn block_signals() -> Result<SignalFd, Errno> {
    let mut mask = SigSet::empty();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGCHLD,
    ] {
        mask.add(signal);
    }
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

fn readable(data: u64) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN, data)
}
