//! From a grant to a running command: what lanes and single runs have in common.
//!
//! It takes a [`Grant`], which only the policy makes, and decides nothing. What
//! can be refused before a start is recorded is refused by [`Launcher::open`].

use crate::context::{Context, Trust};
use crate::create::Maker;
use crate::explain::explain;
use crate::files::{Files, FilesError, Input};
use crate::groups::Groups;
use crate::sandbox::child::{self, Directory, Plan};
use crate::sandbox::containment::Containment;
use crate::sandbox::landlock::{DomainError, Domains};
use crate::sandbox::launch::{LaunchError, Running, launch};
use crate::sandbox::limits::Limits;
use crate::sandbox::namespaces::{self, Namespaces};
use crate::sandbox::privilege;
use crate::sandbox::tasks::TaskCounts;
use landlock::RulesetCreated;
use nix::errno::Errno;
use nix::sys::stat::Mode;
use policy::{Controller, Grant, Identity, Stdin};
use std::ffi::{CString, NulError};
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
            Refused::Files(_) => "open",
            Refused::Domain(_) | Refused::Controller { .. } => "sandbox",
            Refused::Plan(_) | Refused::Launch(_) => "launch",
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
    #[error("cannot pass a NUL byte")]
    Nul(#[from] NulError),
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
}

impl Launcher {
    /// One that has launched nothing yet.
    pub(crate) fn new(context: Context) -> Self {
        Self {
            domains: Domains::new(context.trust.single_user()),
            context,
            tasks: TaskCounts::default(),
            groups: Groups::default(),
        }
    }

    /// Makes ahead what the next command needs, while nobody waits.
    pub(crate) fn prepare(&mut self) {
        self.groups.prepare(&self.context.containment);
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
        let files = Files::open(grant)?;
        let domain = self.domain(grant, &files)?;
        Ok((files, domain))
    }

    /// The ruleset that grants exactly what the profile and `files` say.
    fn domain(&mut self, grant: &Grant, files: &Files<'_>) -> Result<RulesetCreated, Refused> {
        Ok(self.domains.domain(grant, &files.opened())?)
    }

    /// Makes what is to be made and launches the command; what was made is removed
    /// again when it does not start.
    pub(crate) fn start(
        &mut self,
        grant: &Grant,
        (files, domain): (&mut Files<'_>, RulesetCreated),
        streams: &Streams,
    ) -> Result<Running, Refused> {
        if !files.are_to_be_made() {
            return self.launch(grant, (files, domain), streams);
        }
        let maker = Maker {
            identity: identity(&self.context.trust, grant),
            umask: Mode::from_bits_truncate(grant.profile().umask),
        };
        files.make(maker)?;
        let running = self
            .domain(grant, files)
            .and_then(|domain| self.launch(grant, (files, domain), streams));
        if running.is_err() {
            files.unmake(maker);
        }
        running
    }

    fn launch(
        &mut self,
        grant: &Grant,
        (files, domain): (&Files<'_>, RulesetCreated),
        streams: &Streams,
    ) -> Result<Running, Refused> {
        let mut view = self.domains.view(grant, &files.places())?;
        if let (Some(view), Containment::PidNamespace { .. }) =
            (&mut view, &self.context.containment)
        {
            view.numbered = true;
        }
        let namespaces = (namespaces::flags(grant.profile()) != 0)
            .then(|| Namespaces::new(grant.profile(), view));
        let tasks = self
            .tasks
            .elsewhere(&self.context.containment, grant.identity().uid);
        let limits = Limits::new(grant.profile(), tasks);
        let mut plan = plan(&self.context, grant, files, (domain, limits), streams)?;
        plan.namespaces = namespaces;
        let containment = &self.context.containment;
        let group = self.groups.take(containment).map_err(LaunchError::from)?;
        Ok(launch(plan, grant.profile(), containment, group)?)
    }
}

fn plan<'a>(
    context: &'a Context,
    grant: &'a Grant,
    files: &'a Files<'_>,
    (domain, limits): (RulesetCreated, Limits),
    streams: &'a Streams,
) -> Result<Plan<'a>, PlanError> {
    let profile = grant.profile();
    let variables = profile
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    Ok(Plan {
        argv: grant
            .argv()
            .iter()
            .map(|word| CString::new(word.as_str()))
            .collect::<Result<_, _>>()?,
        environment: variables.map(CString::new).collect::<Result<_, _>>()?,
        directory: match files.directory() {
            Some((path, opened)) => Directory::Argument(path, opened),
            None => Directory::Path(CString::new(
                profile.working_directory.as_os_str().as_encoded_bytes(),
            )?),
        },
        stdin: match &streams.stdin {
            Some(stdin) => child::Stdin::Open(stdin.as_fd()),
            None => stdin(context, grant, files),
        },
        stdout: &streams.stdout,
        stderr: &streams.stderr,
        limits,
        scheduling: &profile.scheduling,
        umask: Mode::from_bits_truncate(profile.umask),
        identity: identity(&context.trust, grant),
        capabilities: privilege::granted(profile).map_err(PlanError::Capability)?,
        domain,
        namespaces: None,
        filter: context
            .filters
            .of_profile(profile)
            .ok_or(PlanError::Filter)?,
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

/// Whom a command becomes; `None` when the worker is that user already.
fn identity<'a>(trust: &Trust, grant: &'a Grant) -> Option<&'a Identity> {
    match trust {
        Trust::Front(_) | Trust::Administrator(_) => Some(grant.identity()),
        Trust::Only(_) => None,
    }
}
