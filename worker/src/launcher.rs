//! From a grant to a running command: what lanes and single runs have in common.
//!
//! It takes a [`Grant`], which only the policy makes, and decides nothing. What
//! can be refused before a start is recorded is refused by [`Launcher::open`].

use crate::audit::Counted;
use crate::context::{Context, Trust};
use crate::create::Maker;
use crate::denials::Observer;
use crate::explain::explain;
use crate::files::{Files, FilesError, Input};
use crate::groups::Groups;
use crate::sandbox::child::{self, Directory, Gate, Plan};
use crate::sandbox::containment::Containment;
use crate::sandbox::landlock::{DomainError, Domains, logged, open_terminal};
use crate::sandbox::launch::{End, LaunchError, Remains, Running, launch};
use crate::sandbox::limits::{Limits, Present};
use crate::sandbox::namespaces::Namespaces;
use crate::sandbox::prepared::Mounts;
use crate::sandbox::privilege;
use crate::sandbox::stage::Stage;
use crate::sandbox::tasks::TaskCounts;
use crate::sandbox::terminal::Terminal;
use crate::sys::{Ignored, Nul, Strings};
use landlock::RulesetCreated;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use policy::{Controller, Grant, Identity, Profile, Stdin};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use thiserror::Error;
use wire::Failure;

/// The standard streams of a command.
#[derive(Debug)]
pub(crate) struct Streams {
    /// `None` for what the grant says, which mostly is nothing.
    pub stdin: Option<OwnedFd>,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// Why a granted command does not start.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    /// What the call names.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// What it may reach.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The filter that its lane is to wear for it.
    #[error("cannot install the system call filter")]
    Filter(#[source] Errno),
    /// A limit that nothing here holds.
    #[error(
        "cannot hold `{key}` of profile `{profile}`: the worker has no cgroup controller `{controller}`\n\
         hint: delegate it to the worker (under systemd, Delegate={controller}), or leave `{key}` out"
    )]
    Controller {
        profile: String,
        controller: Controller,
        key: &'static str,
    },
    /// A tree that is held by less than the profile demands.
    #[error(
        "cannot hold commands of profile `{profile}` by more than a {}: its `minimum_containment` is `{}`\n\
         hint: give the worker a cgroup v2 hierarchy of its own (under systemd, Delegate=yes), or accept less",
        held.name(), needed.name()
    )]
    Containment {
        profile: String,
        held: policy::Containment,
        needed: policy::Containment,
    },
    /// Its terminal.
    #[error(
        "cannot make a terminal for the command\n\
         hint: /dev/ptmx must be there for the worker; `tty = false` needs none"
    )]
    Terminal(#[source] Errno),
    /// Nobody gave it a user of its own.
    #[error("cannot give the command a user of its own\nhint: `dynamic_user` needs the service")]
    User,
    /// What it is told.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Its process.
    #[error(transparent)]
    Launch(#[from] LaunchError),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let code = match &refused {
            Refused::Files(_)
            | Refused::Launch(LaunchError::Stage {
                stage: Stage::Input | Stage::Directory,
                ..
            })
            // In a root of its own, what its user cannot reach cannot be put there.
            | Refused::Launch(LaunchError::Stage {
                stage: Stage::Namespaces,
                source: Errno::EACCES,
            }) => "open",
            Refused::Domain(_)
            | Refused::Filter(_)
            | Refused::Controller { .. }
            | Refused::Containment { .. } => "sandbox",
            Refused::Plan(_) | Refused::Launch(_) | Refused::Terminal(_) | Refused::User => {
                "launch"
            }
        };
        Self {
            code: code.to_owned(),
            reason: explain(&refused),
        }
    }
}

/// A command that the policy should not have let come so far.
#[derive(Debug, Error)]
pub(crate) enum PlanError {
    /// Execve(2) cannot pass it.
    #[error(transparent)]
    Nul(#[from] Nul),
    /// A capability that this worker does not know.
    #[error("cannot grant capabilities")]
    Capability(#[source] Errno),
    /// The filters are not those of the policy.
    #[error("cannot find the system call filter of the profile")]
    Filter,
}

/// Launches commands one after the other, and remembers what they have in common.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub context: Context,
    domains: Domains,
    tasks: TaskCounts,
    groups: Groups,
    ignored: Ignored,
    present: Present,
    /// Where denials are explained.
    observer: Option<Observer>,
}

impl Launcher {
    /// One that has launched nothing yet.
    pub(crate) fn new(context: Context) -> Self {
        Self {
            domains: Domains::new(context.trust.single_user(), context.shut),
            context,
            tasks: TaskCounts::default(),
            groups: Groups::default(),
            ignored: Ignored::now(),
            present: Present::now(),
            observer: None,
        }
    }

    /// Confines this process for good: what commands have in common is installed once,
    /// here, after what only a process without bounds can open.
    pub(crate) fn confine(&mut self) -> Result<(), Errno> {
        if self.context.explain_denials {
            self.observer = Some(Observer::new()?);
            Observer::give_up_privilege().map_err(|_| Errno::EPERM)?;
        }
        self.context.filters.wear()
    }

    /// What Landlock refused the command that began with the process `first`, if it
    /// failed and this is to be told.
    pub(crate) fn explain(&mut self, first: Pid, end: &End) -> Vec<String> {
        match &mut self.observer {
            Some(observer) if end.status != 0 => observer.explain(first),
            Some(_) | None => Vec::new(),
        }
    }

    /// Whether commands of `profile` can be launched: a filter that is worn for others
    /// cannot be taken off.
    pub(crate) fn serves(&self, profile: &Profile) -> bool {
        self.context.filters.serves(profile)
    }

    /// Tells when [`Launcher::forget_views`] must be called, if anything is kept at all.
    pub(crate) fn mounts(&self) -> Option<PollFd<'_>> {
        self.domains.mounts().map(Mounts::event)
    }

    /// Gives up what is kept of the host's mounts, which changed.
    pub(crate) fn forget_views(&mut self) {
        self.domains.forget_views();
    }

    /// Whether [`Launcher::prepare`] has nothing to do.
    pub(crate) fn is_prepared(&self) -> bool {
        self.groups.is_prepared() && self.domains.is_prepared()
    }

    /// Makes ahead what the next command needs, while nobody waits.
    pub(crate) fn prepare(&mut self) {
        self.groups.prepare(&self.context.containment);
        self.domains.prepare();
    }

    /// What was counted here and nobody else knows yet.
    pub(crate) fn counted(&mut self) -> Option<Counted> {
        self.tasks.counted()
    }

    /// Takes what another lane has `counted` for its own.
    pub(crate) fn learn(&mut self, counted: Option<Counted>) {
        if let Some(counted) = counted {
            self.tasks.learn(counted);
        }
    }

    /// Has nobody be born any more where what has just been killed may still be on its way
    /// out: a group counts it no longer, but whoever looks at /proc sees it.
    pub(crate) fn forget_cell(&mut self) {
        self.domains.forget_cell();
    }

    /// Keeps what is left of a command for the next one, where that finds it as if it
    /// were fresh; else it is given up.
    pub(crate) fn keep(&mut self, remains: Remains) {
        self.groups.keep(remains.renewed());
    }

    /// Gives up what was made ahead, when no command comes any more.
    pub(crate) fn give_back(&mut self) {
        self.groups = Groups::default();
    }

    /// Opens what the call names, and makes sure that it could be carried out: what
    /// can be refused before a start is recorded is refused.
    pub(crate) fn open<'g>(
        &mut self,
        grant: &'g Grant,
    ) -> Result<(Files<'g>, RulesetCreated), Refused> {
        let limits = &grant.profile().cgroup;
        if let Some((controller, key)) = self.context.containment.missing(limits) {
            let profile = grant.profile().name.clone();
            return Err(Refused::Controller {
                profile,
                controller,
                key,
            });
        }
        if let Some(held) = self.context.containment.too_weak(grant.profile()) {
            return Err(Refused::Containment {
                profile: grant.profile().name.clone(),
                held,
                needed: grant.profile().minimum_containment,
            });
        }
        let worn = self.context.filters.wear_that_of(grant.profile());
        worn.map_err(Refused::Filter)?;
        let files = Files::open(grant)?;
        let domain = self.domain(grant, &files)?;
        Ok((files, domain))
    }

    /// The ruleset that grants exactly what the profile and `files` say.
    fn domain(&mut self, grant: &Grant, files: &Files<'_>) -> Result<RulesetCreated, Refused> {
        Ok(self.domains.domain(grant, &files.opened())?)
    }

    /// Makes what is to be made and launches the command, as `user` where the policy
    /// names nobody, when `gate` says that it may go on; what was made is removed again
    /// when it does not start.
    pub(crate) fn start(
        &mut self,
        (grant, user): (&Grant, Option<u32>),
        (files, domain): (&mut Files<'_>, RulesetCreated),
        streams: &Streams,
        gate: Gate<'_>,
    ) -> Result<Running, Refused> {
        let fresh = user.map(|user| of_its_own(user, grant));
        let whom = identity(&self.context.trust, grant, fresh.as_ref())?;
        if !files.are_to_be_made() {
            return self.launch((grant, whom), (files, domain), streams, gate);
        }
        let maker = Maker {
            identity: whom,
            umask: Mode::from_bits_truncate(grant.profile().umask),
        };
        files.make(maker)?;
        let running = self
            .domain(grant, files)
            .and_then(|domain| self.launch((grant, whom), (files, domain), streams, gate));
        if running.is_err() {
            files.unmake(maker);
        }
        running
    }

    /// Launches once more where the user's other tasks, which had been counted a moment
    /// before, left no room for one.
    fn launch(
        &mut self,
        call: (&Grant, Option<&Identity>),
        (files, domain): (&Files<'_>, RulesetCreated),
        streams: &Streams,
        gate: Gate<'_>,
    ) -> Result<Running, Refused> {
        match self.launch_once(call, (files, domain), streams, gate) {
            Err(Refused::Launch(error)) if error.is_for_want_of_tasks() => {
                self.tasks.forget();
                let domain = self.domain(call.0, files)?;
                self.launch_once(call, (files, domain), streams, gate)
            }
            result => result,
        }
    }

    fn launch_once(
        &mut self,
        (grant, whom): (&Grant, Option<&Identity>),
        (files, domain): (&Files<'_>, RulesetCreated),
        streams: &Streams,
        gate: Gate<'_>,
    ) -> Result<Running, Refused> {
        let (cell, held) = match self.context.containment {
            Containment::Cgroup(_) => (self.domains.cell(grant, whom)?, false),
            // What holds the tree is the namespace itself.
            Containment::PidNamespace { .. } => (None, true),
            Containment::Subreaper => (None, false),
        };
        let whose = (whom, cell.as_deref());
        let sight = self.domains.sight(grant, &files.places(), whose, held)?;
        let terminal = grant.profile().tty.then(|| Terminal::open(whom));
        let terminal = terminal.transpose().map_err(Refused::Terminal)?;
        let domain = match &terminal {
            None => domain,
            Some(own) => open_terminal(domain, own.command()).map_err(Refused::Terminal)?,
        };
        let domain = match self.observer {
            None => domain,
            Some(_) => logged(domain)?,
        };
        let limits = self.limits(grant);
        let mut plan = plan(
            &self.context,
            (grant, whom),
            files,
            (domain, limits, &self.ignored),
            streams,
        )?;
        plan.namespaces = Namespaces::new(grant.profile(), sight, cell);
        if let Some(terminal) = &terminal {
            plan.take(terminal.command());
        }
        if let Some(observer) = &mut self.observer {
            observer.forget();
        }
        let (containment, profile) = (&self.context.containment, grant.profile());
        let group = self.groups.take(containment, profile);
        let group = group.map_err(LaunchError::from)?;
        let running = launch(plan, gate, profile, containment, group)?;
        match terminal.map(|own| own.relay(streams.stdout.as_fd(), whom)) {
            None => Ok(running),
            Some(Ok(relay)) => Ok(running.carried_by(relay)),
            Some(Err(errno)) => {
                running.end()?;
                Err(Refused::Terminal(errno))
            }
        }
    }

    fn limits(&mut self, grant: &Grant) -> Limits {
        let containment = &self.context.containment;
        let tasks = match grant.identity() {
            Some(identity) => self.tasks.elsewhere(containment, identity.uid),
            // Nobody else has that user.
            None => 0,
        };
        // The relay of a terminal is a task of the same user.
        let relay = u64::from(grant.profile().tty);
        let tasks = tasks.saturating_add(relay);
        Limits::new(grant.profile(), tasks, &self.present)
    }
}

fn plan<'a>(
    context: &'a Context,
    (grant, identity): (&'a Grant, Option<&'a Identity>),
    files: &'a Files<'_>,
    (domain, limits, ignored): (RulesetCreated, Limits, &'a Ignored),
    streams: &'a Streams,
) -> Result<Plan<'a>, PlanError> {
    let profile = grant.profile();
    let variables = profile.environment.iter();
    let variables = variables.map(|(name, value)| [name.as_str(), "=", value.as_str()]);
    let words = grant.argv().iter().map(|word| [word.as_str()]);
    Ok(Plan {
        argv: Strings::new(words)?,
        environment: Strings::new(variables)?,
        directory: match files.directory() {
            Some((path, opened)) => Directory::Argument(path, opened),
            None => {
                let path = profile.working_directory.as_os_str().as_encoded_bytes();
                Directory::Path(CString::new(path).map_err(|_| Nul)?)
            }
        },
        stdin: match &streams.stdin {
            Some(stdin) => child::Stdin::Open(stdin.as_fd()),
            None => stdin(context, grant, files),
        },
        terminal: false,
        stdout: &streams.stdout,
        stderr: &streams.stderr,
        ignored,
        limits,
        scheduling: &profile.scheduling,
        umask: Mode::from_bits_truncate(profile.umask),
        identity,
        capabilities: privilege::granted(profile).map_err(PlanError::Capability)?,
        domain,
        namespaces: None,
        filter: context
            .filters
            .left_to(profile)
            .map_err(|_| PlanError::Filter)?,
        patience: u32::try_from(profile.timeout.as_secs() + 1).unwrap_or(u32::MAX),
    })
}

/// What the command reads where the grant says it.
fn stdin<'a>(context: &'a Context, grant: &'a Grant, files: &'a Files<'_>) -> child::Stdin<'a> {
    match (files.input(), grant.stdin()) {
        (Input::File(opened), Stdin::File(path)) => {
            child::Stdin::File(path, opened, context.null.as_fd())
        }
        (Input::Text(text), _) => child::Stdin::Open(text.as_fd()),
        (Input::Nothing | Input::File(_), _) => child::Stdin::Open(context.null.as_fd()),
    }
}

/// Whom a command becomes; `None` when the worker is that user already. Where the
/// policy names nobody it is `fresh`, or nothing runs.
fn identity<'a>(
    trust: &Trust,
    grant: &'a Grant,
    fresh: Option<&'a Identity>,
) -> Result<Option<&'a Identity>, Refused> {
    match (trust, grant.identity()) {
        (Trust::Only(_), Some(_)) => Ok(None),
        (Trust::Front { .. } | Trust::Administrator(_), Some(identity)) => Ok(Some(identity)),
        (Trust::Front { .. }, None) if fresh.is_some() => Ok(fresh),
        (_, None) => Err(Refused::User),
    }
}

/// The identity of `user`, which only this run has: its group has the same number.
fn of_its_own(user: u32, grant: &Grant) -> Identity {
    let groups = grant.profile().supplementary_groups.iter().flatten();
    Identity {
        uid: user,
        gid: user,
        groups: groups.map(|group| group.gid).collect(),
    }
}
