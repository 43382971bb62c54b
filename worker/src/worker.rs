//! The worker's first process: it lets the supervisor in, forks a lane for each
//! connection, keeps the audit trail, and cleans up after lanes that are lost.
//! It never touches a request.

mod approving;
mod lanes;
mod status;
mod wrong_keys;

use crate::admin::Admin;
use crate::admission::{Admission, Now, Places};
use crate::approvals::Approvals;
use crate::audit::{ASK_MAX, Ask, AuditError, Ending, Entry, Log, Note, RunUser};
use crate::bounds;
use crate::context::Context;
use crate::door::{Door, DoorError, Visit};
use crate::explain::explain;
use crate::fresh_users::FreshUsers;
use crate::hook::Hook;
use crate::lane::{Lane, send_note};
use crate::sandbox::seccomp::Filters;
use crate::sandbox::tree;
use crate::service::{Manager, ServiceError};
use crate::source::Source;
use crate::sys::{self, Fork};
use caps::CapSet;
use lanes::{LaneProcess, RunNames};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::Pid;
use policy::Policy;
use status::Since;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use thiserror::Error;
use wire::{Denial, Failure, PolicyDigest};
use wrong_keys::WrongKeys;

/// Most lanes at once; the supervisor opens fewer.
const LANES_MAX: usize = 128;

/// How long lanes have to end their commands when the worker stops.
const PATIENCE: Duration = Duration::from_secs(5);

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
    approvals: Approvals,
    /// Whom requests are told that wait for approval.
    hook: Hook,
    wrong_keys: WrongKeys,
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
        (log, users, hook): (Log, FreshUsers, Hook),
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
            approvals: Approvals::new(),
            hook,
            wrong_keys: WrongKeys::default(),
            buffer: vec![0; ASK_MAX],
            deadline: None,
            outdated: None,
        })
    }

    /// Works until told to stop. In the process of a new lane, returns that lane.
    pub(crate) fn run(mut self) -> Result<Option<Lane>, WorkerError> {
        self.let_approvers_in();
        self.manager.ready(&self.state())?;
        while self.deadline.is_none() || !self.lanes.is_empty() {
            self.manager.feed();
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
            }
        }
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
        let all = all.chain(self.hook.due());
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

    /// Loads the policy again and lets it take the place of the former one, or
    /// keeps that and tells why. Lanes finish their command under the policy they
    /// were born with; new ones are born with the new one.
    fn reload(&mut self, wanted: Option<PolicyDigest>) -> Result<(), String> {
        let result = self.replacement(wanted).and_then(|policy| {
            self.log
                .reloaded(&policy.digest())
                .map_err(|error| explain(&error))?;
            if policy.digest() != self.context.policy.digest() {
                self.revoke_all();
            }
            self.context.filters = Filters::of(&policy);
            self.context.policy = policy;
            self.let_approvers_in();
            Ok(())
        });
        match &result {
            Ok(()) => {
                (self.since.policy, self.since.kept) = (Instant::now(), None);
                say("the policy was loaded again");
                self.manager.status(&self.state());
                self.tell_lanes(&Note::Retire);
            }
            Err(reason) => {
                say(&format!("the former policy stays in force: {reason}"));
                self.since.kept = Some(reason.clone());
                self.manager
                    .status(&format!("former policy in force: {reason}"));
                let _said = self.log.kept(&self.context.policy.digest(), reason);
            }
        }
        result
    }

    fn replacement(&self, wanted: Option<PolicyDigest>) -> Result<Policy, String> {
        let policy = self.source.load().map_err(|error| explain(&error))?;
        match wanted {
            Some(wanted) if wanted != policy.digest() => Err(
                "cannot use the policy: it is not the one that the supervisor has read".to_owned(),
            ),
            _ => self.can_grant(&policy).map(|()| policy),
        }
    }

    /// Capabilities that were given up when the worker started do not come back.
    fn can_grant(&self, policy: &Policy) -> Result<(), String> {
        let grants = bounds::granted(policy).map_err(|errno| explain(&errno))?;
        let needed = bounds::needed(policy);
        // A single user's worker has none; his commands get them in a user namespace.
        let system = self.context.trust.single_user().is_none();
        let held = caps::read(None, CapSet::Effective).map_err(|error| error.to_string())?;
        let had = &self.context.needed | &held;
        let missing = needed.difference(&had).next();
        if let (true, Some(given_up)) = (system, missing) {
            return Err(format!(
                "cannot set commands apart in namespaces: the worker has given {given_up} up\nhint: restart the worker"
            ));
        }
        match grants.difference(&self.context.grants).next() {
            None => Ok(()),
            Some(given_up) => Err(format!(
                "cannot grant {given_up} to commands: the worker has given it up\nhint: restart the worker"
            )),
        }
    }

    fn tell_lanes(&self, note: &Note) {
        for lane in self.lanes.values() {
            let _lost_already = send_note(lane.records.as_fd(), note);
        }
    }

    /// Lets nobody in any more and tells every lane to end.
    fn stop(&mut self) {
        self.manager.stopping();
        if let Some(door) = self.door.take() {
            let _closed_anyway = self.events.delete(&door);
        }
        self.tell_lanes(&Note::Stop);
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
                let _ended_already = kill(lane.process.pid, Signal::SIGKILL);
            }
        }
    }

    /// Accepts a connection and forks. In the child, returns what a lane needs.
    fn visit(&mut self) -> Result<Option<(OwnedFd, OwnedFd)>, WorkerError> {
        let Some(door) = &self.door else {
            return Ok(None);
        };
        match door.accept()? {
            Visit::Closed => self.stop(),
            Visit::Nobody => {}
            Visit::Shortage(errno) => say(&format!("cannot let the supervisor in: {errno}")),
            Visit::Stranger(user) => say(&format!(
                "cannot let user {user} in: he is not the supervisor"
            )),
            Visit::Connection(_) if self.lanes.len() >= LANES_MAX => {
                say(&format!(
                    "cannot let the supervisor in: it has {LANES_MAX} connections already"
                ));
            }
            Visit::Connection(connection) => match self.fork(connection) {
                Ok(lane) => return Ok(lane),
                // Out of processes or descriptors for now; lanes that run go on.
                Err(errno) => say(&format!("cannot open a lane: {errno}")),
            },
        }
        Ok(None)
    }

    fn fork(&mut self, connection: OwnedFd) -> Result<Option<(OwnedFd, OwnedFd)>, Errno> {
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        match sys::fork(0, None)? {
            Fork::Child => Ok(Some((connection, theirs))),
            Fork::Parent(process) => {
                self.events.add(&ours, readable(self.next_lane))?;
                self.lanes.insert(
                    self.next_lane,
                    LaneProcess {
                        process,
                        records: ours,
                        run: None,
                        ended: None,
                        approved: None,
                        places: Places::default(),
                        user: None,
                    },
                );
                self.next_lane += 1;
                Ok(None)
            }
        }
    }

    /// Keeps nothing of the first process: its door, its trail, its other lanes.
    fn into_lane(self, connection: OwnedFd, records: OwnedFd) -> Lane {
        let Self { context, .. } = self;
        Lane::new(connection, records, context)
    }

    /// Does what a lane asks for, and answers.
    fn ask(&mut self, number: u64) -> Result<(), WorkerError> {
        let Some(lane) = self.lanes.get_mut(&number) else {
            return Ok(());
        };
        let ask = sys::receive(lane.records.as_fd(), &mut self.buffer)
            .ok()
            .and_then(|packet| postcard::from_bytes(self.buffer.get(..packet.length)?).ok());
        let note = match ask {
            Some(Ask::<Entry>::Record(entry)) => self.record(number, entry),
            Some(Ask::Approval(waiting)) => self.approval(number, *waiting),
            Some(Ask::Leave(left)) => self.leave(number, left),
            Some(Ask::Reload(wanted)) => match self.reload(Some(wanted)) {
                Ok(()) => Note::Recorded(None),
                Err(reason) => Note::Failed(reason),
            },
            Some(Ask::Outdated(version)) => {
                self.outdated = Some(version);
                self.stop();
                return Ok(());
            }
            None => {
                // It has ended, or does not make sense any more.
                let _ended_already = kill(lane.process.pid, Signal::SIGKILL);
                return Ok(self.events.delete(&lane.records)?);
            }
        };
        if let Some(lane) = self.lanes.get(&number) {
            let _lost_already = send_note(lane.records.as_fd(), &note);
        }
        Ok(())
    }

    fn record(&mut self, number: u64, mut entry: Entry) -> Note {
        let now = Now::read();
        if !self.is_approved(number, &entry) {
            return Note::Stop;
        }
        if let Entry::Start { bounds, .. } = &entry
            && let Some(denial) = self.admission.refusal(bounds, now)
        {
            return self.deny(&entry, denial);
        }
        if let Some(denial) = self.give_user(number, &mut entry) {
            return self.deny(&entry, denial);
        }
        if let Entry::WrongKey { left_out, .. } = &mut entry {
            match self.wrong_keys.room(Instant::now()) {
                Some(others) => *left_out = others,
                None => return Note::Recorded(None),
            }
        }
        let entry = &entry;
        let Some(lane) = self.lanes.get_mut(&number) else {
            return Note::Stop;
        };
        let name = lane.name(entry, &mut self.runs);
        if let (Entry::Output(_), None) = (entry, &name) {
            return Note::Stop;
        }
        let written = self.log.record(entry, name.as_deref());
        if let (Entry::Start { bounds, .. }, Ok(())) = (entry, &written) {
            let places = self.admission.count(bounds, now);
            let former = std::mem::replace(&mut lane.places, places);
            self.admission.leave(former);
        }
        let gone = written.is_err() && matches!(entry, Entry::Start { .. });
        if gone || matches!(entry, Entry::End(_)) {
            lane.user
                .take()
                .iter()
                .for_each(|user| self.users.leave(*user));
        }
        if let Entry::End(_) = entry {
            self.admission.leave(std::mem::take(&mut lane.places));
        }
        match written {
            Ok(()) => Note::Recorded(lane.note_recorded(entry)),
            Err(error) => {
                lane.note_lost(entry);
                lost_line(&error)
            }
        }
    }

    /// Gives a start that wants one a user of its own; why not, where there is none.
    fn give_user(&mut self, number: u64, entry: &mut Entry) -> Option<Denial> {
        let Entry::Start { user, .. } = entry else {
            return None;
        };
        // What a lane says that it has been given was not.
        if *user == RunUser::Known {
            return None;
        }
        let lane = self.lanes.get_mut(&number)?;
        // It has ended the one before, or would not ask.
        lane.user
            .take()
            .iter()
            .for_each(|user| self.users.leave(*user));
        let Some(fresh) = self.users.take() else {
            return Some(Denial {
                code: "too_many_running".to_owned(),
                rule: "server.dynamic_users".to_owned(),
                reason: "every user that could be given to the command is in use".to_owned(),
            });
        };
        lane.user = Some(fresh);
        *user = RunUser::Given(fresh);
        None
    }

    /// Records that a limit leaves no room for the call that was to start.
    fn deny(&mut self, start: &Entry, denial: Denial) -> Note {
        let Some(entry) = start.denied(denial.clone()) else {
            return Note::Stop;
        };
        match self.log.record(&entry, None) {
            Ok(()) => Note::Denied(denial),
            Err(error) => lost_line(&error),
        }
    }

    /// Waits for ended children: lanes, and what lost lanes left to us.
    fn reap(&mut self) {
        for (pid, ended) in tree::reap_ended() {
            self.hook.ended(pid, ended.status);
            let lane = self
                .lanes
                .iter()
                .find(|(_, lane)| lane.process.pid == pid)
                .map(|(number, _)| *number);
            if let Some(number) = lane {
                self.forsaken(number);
            }
            if let Some(lane) = lane.and_then(|number| self.lanes.remove(&number)) {
                self.lost(lane, ended.status);
            }
        }
    }

    /// Ends what a lane left behind and records it.
    fn lost(&mut self, lane: LaneProcess, status: i32) {
        let _deleted_already = self.events.delete(&lane.records);
        self.admission.leave(lane.places);
        self.context.containment.tidy(lane.process.pid);
        let Some(run) = lane.run else { return };
        let living = self.lanes.values().map(|lane| lane.process.pid);
        let living: BTreeSet<Pid> = living.chain(self.hook.processes()).collect();
        self.context.containment.sweep(lane.process.pid, &living);
        lane.user.iter().for_each(|user| self.users.leave(*user));
        let reason =
            format!("cannot tell how the command ended: its lane was lost (wait status {status})");
        say(&format!("{reason}; run {run}"));
        let failure = Failure {
            code: "lane_lost".to_owned(),
            reason,
        };
        let entry = Entry::End(Ending::Failed(failure));
        if let Err(error) = self.log.record(&entry, Some(&run)) {
            // Nothing more is started until the trail can be written again.
            say(&explain(&error));
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

/// What a lane is told when a line cannot be written.
fn lost_line(error: &AuditError) -> Note {
    let reason = explain(error);
    say(&reason);
    Note::Failed(reason)
}

/// One line for the administrator, on standard error.
pub(crate) fn say(text: &str) {
    eprintln!("mini-mcp-worker: {text}");
}
