//! What a command's process does between its birth and execve(2).
//!
//! The process borrows its lane's memory, which waits meanwhile, or has a copy of it
//! where it is born into namespaces. Either way this is ordinary code that owns nothing
//! of its [`Plan`]; it ends in `execve` or in a [`Failure`] that the lane learns of.
//! docs/sandbox.md lists the same stages with their reasons.

use super::limits::Limits;
use super::namespaces::{Mapping, Namespaces};
use super::privilege;
use super::stage::{Failure, Stage};
use crate::open::{Opened, open_again};
use crate::sys::{self, Ignored, Strings};
use caps::CapsHashSet;
use landlock::RulesetCreated;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{self, Mode};
use nix::unistd::{self, Pid, alarm};
use policy::{Identity, PathGrant, Scheduling};
use seccompiler::BpfProgram;
use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Everything a command's process needs, prepared before it is born.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// Absolute path of the program, then its arguments.
    pub argv: Strings,
    /// The whole environment, `NAME=value`.
    pub environment: Strings,
    /// Where it starts.
    pub directory: Directory<'a>,
    /// Standard input.
    pub stdin: Stdin<'a>,
    /// Whether the standard streams are a terminal, to be the controlling one.
    pub terminal: bool,
    /// Standard output.
    pub stdout: &'a OwnedFd,
    /// Standard error.
    pub stderr: &'a OwnedFd,
    /// The signals that its lane ignores.
    pub ignored: &'a Ignored,
    /// Resource limits, setrlimit(2).
    pub limits: Limits,
    /// How it stands behind other processes.
    pub scheduling: &'a Scheduling,
    /// Permission bits that files it makes do not get.
    pub umask: Mode,
    /// Whom to become; `None` for a single user's worker, which already is that user.
    pub identity: Option<&'a Identity>,
    /// The capabilities it keeps; mostly none.
    pub capabilities: CapsHashSet,
    /// Files, and TCP and scopes where the kernel has them.
    pub domain: RulesetCreated,
    /// What is set apart from the host, if anything is.
    pub namespaces: Option<Namespaces<'a>>,
    /// System calls; `None` where its lane wears that for it.
    pub filter: Option<&'a BpfProgram>,
    /// Whole seconds until the set-up must have come to its end.
    pub patience: u32,
}

impl<'a> Plan<'a> {
    /// Whether the command can change nothing that is root's, as its group is.
    pub(crate) fn is_powerless(&self) -> bool {
        self.identity.is_some_and(|whom| whom.uid != 0) && self.capabilities.is_empty()
    }

    /// Has `terminal` be the standard streams.
    pub(crate) fn take(&mut self, terminal: &'a OwnedFd) {
        self.stdin = Stdin::Open(terminal.as_fd());
        (self.stdout, self.stderr) = (terminal, terminal);
        self.terminal = true;
    }
}

/// Where a command starts.
#[derive(Debug)]
pub(crate) enum Directory<'a> {
    /// Where the profile says.
    Path(CString),
    /// Where an argument says.
    Argument(&'a PathGrant, &'a Opened),
}

/// What a command reads.
#[derive(Debug)]
pub(crate) enum Stdin<'a> {
    /// A descriptor that is open already: of nothing, or of a text.
    Open(BorrowedFd<'a>),
    /// A file, if the user may read it.
    File(&'a PathGrant, &'a Opened, BorrowedFd<'a>),
}

/// Says whether the start of the command is recorded, so that it may go on; waits for it.
pub(crate) type Gate<'a> = &'a mut dyn FnMut() -> bool;

/// Becomes the command, or tells by the pipe `report` why not and ends. `parent` is this
/// process's parent as it sees it.
pub(super) fn become_or_report(
    plan: &Plan<'_>,
    parent: Pid,
    mapping: Option<Mapping>,
    report: OwnedFd,
) -> ! {
    // Whoever made this copy of the memory has been through the gate himself.
    let failure = become_command(
        plan,
        (parent, mapping),
        &mut || true,
        &mut Progress::default(),
    );
    // If the lane is gone there is nobody to tell.
    let _unheard = File::from(report).write_all(&failure.encode());
    sys::exit(127)
}

/// How far a child came; it cannot tell itself that it was killed on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// Some stage before the last.
    #[default]
    SettingUp,
    /// The last stage, which ends this code.
    Executing,
}

/// Becomes the command; returns, with the reason, only where that fails. The process can
/// then only end. `progress` is up to date at every moment.
pub(super) fn become_command(
    plan: &Plan<'_>,
    from: (Pid, Option<Mapping>),
    gate: Gate<'_>,
    progress: &mut Progress,
) -> Failure {
    let Err(failure) = stages(plan, from, gate, progress);
    failure
}

fn at(stage: Stage) -> impl FnOnce(Errno) -> Failure {
    move |errno| Failure { stage, errno }
}

fn stages(
    plan: &Plan<'_>,
    (parent, mapping): (Pid, Option<Mapping>),
    gate: Gate<'_>,
    progress: &mut Progress,
) -> Result<Infallible, Failure> {
    plan.ignored.restore().map_err(at(Stage::Signals))?;
    // A file system that does not answer holds up this process and nobody else for long.
    alarm::set(plan.patience);
    // A session of its own has no controlling terminal to inject input into.
    unistd::setsid().map_err(at(Stage::Session))?;
    // Cannot fail, so it is no stage.
    stat::umask(plan.umask);
    connect_streams(plan).map_err(at(Stage::Streams))?;
    plan.limits.apply().map_err(at(Stage::Limits))?;
    super::scheduling::apply(plan.scheduling).map_err(at(Stage::Scheduling))?;
    let own = set_apart(plan, mapping)?;
    // Not put into the plan: where memory is shared the lane would close what it has not.
    let domain = own.as_ref().unwrap_or(&plan.domain);

    // Elsewhere the bounding set is empty since the worker started; a user namespace begins
    // with a full one, and a worker whose policy grants capabilities has kept those. Needs
    // CAP_SETPCAP, which goes with the user id.
    let kept = &plan.capabilities;
    let bounded = privilege::bound(kept).map_err(at(Stage::BoundingSet))?;
    if let Some(identity) = plan.identity {
        // Groups first: changing them needs CAP_SETGID, which goes with the user id.
        privilege::set_groups(identity).map_err(at(Stage::Groups))?;
        privilege::set_gid(identity).map_err(at(Stage::GroupId))?;
        privilege::set_uid(identity, kept).map_err(at(Stage::UserId))?;
    }
    // A user id of 0 keeps its capabilities across setresuid(2).
    privilege::set_capabilities(kept).map_err(at(Stage::Capabilities))?;
    privilege::verify(plan.identity, kept, bounded).map_err(at(Stage::Verify))?;

    // The kernel clears the parent-death signal whenever the user id changes.
    tie_to(parent).map_err(at(Stage::ParentDeath))?;
    // Before anything is touched that the caller named.
    if !gate() {
        return Err(Failure::NOT_ADMITTED);
    }
    // With the user's own rights, so that a directory closed to him stays closed.
    enter(&plan.directory).map_err(at(Stage::Directory))?;
    // Likewise: a file that the user may not read is not read for him.
    open_stdin(&plan.stdin).map_err(at(Stage::Input))?;

    alarm::cancel();

    prctl::set_no_new_privs().map_err(at(Stage::NoNewPrivileges))?;
    super::landlock::restrict(domain).map_err(at(Stage::Landlock))?;
    // On exec, not now: the report pipe must live until then, or failure looks like success.
    sys::close_on_exec_from(3).map_err(at(Stage::Descriptors))?;
    let limits = plan.limits.apply_to_descriptors();
    limits.map_err(at(Stage::Descriptors))?;
    // Last: what comes before may need calls that the command does not get.
    if let Some(filter) = plan.filter {
        super::seccomp::install(filter).map_err(at(Stage::Seccomp))?;
    }

    let program = plan.argv.first().ok_or(Failure {
        stage: Stage::Execute,
        errno: Errno::ENOENT,
    })?;
    *progress = Progress::Executing;
    let errno = sys::execute(program, &plan.argv, &plan.environment);
    Err(at(Stage::Execute)(errno))
}

/// Fills the namespaces that this process was born in, and enters others; returns the
/// domain, where that is to be opened to what is there.
fn set_apart(plan: &Plan<'_>, mapping: Option<Mapping>) -> Result<Option<RulesetCreated>, Failure> {
    if let Some(mapping) = mapping {
        let mapped = mapping.write();
        mapped.map_err(|error| at(Stage::UserNamespace)(raw(&error)))?;
    }
    let own = match &plan.namespaces {
        // Mounts are made with privileges, but looked up with the user's rights.
        Some(namespaces) => namespaces.enter(plan.identity),
        None => Ok(None),
    };
    let own = own.map_err(at(Stage::Namespaces))?;
    let opened = own.map(|own| super::landlock::open_own(&plan.domain, &own));
    let opened = opened.transpose().map_err(at(Stage::Landlock))?;
    // As root where possible: of a user's few keys the kernel counts those of all commands.
    sys::mount::new_session_keyring().map_err(at(Stage::Keyring))?;
    Ok(opened)
}

fn raw(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn connect_streams(plan: &Plan<'_>) -> Result<(), Errno> {
    unistd::dup2_stdin(match &plan.stdin {
        Stdin::Open(descriptor) | Stdin::File(_, _, descriptor) => descriptor,
    })?;
    unistd::dup2_stdout(plan.stdout.as_fd())?;
    unistd::dup2_stderr(plan.stderr.as_fd())?;
    if plan.terminal {
        sys::terminal::take_control(plan.stdout.as_fd())?;
    }
    Ok(())
}

fn enter(directory: &Directory<'_>) -> Result<(), Errno> {
    match directory {
        Directory::Path(path) => unistd::chdir(path.as_c_str()),
        Directory::Argument(grant, known) => unistd::fchdir(open_again(
            grant,
            known,
            OFlag::O_PATH | OFlag::O_DIRECTORY,
        )?),
    }
}

fn open_stdin(stdin: &Stdin<'_>) -> Result<(), Errno> {
    match stdin {
        Stdin::Open(_) => Ok(()),
        Stdin::File(grant, known, _) => {
            unistd::dup2_stdin(open_again(grant, known, OFlag::O_RDONLY)?)
        }
    }
}

fn tie_to(parent: Pid) -> Result<(), Errno> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // It may have died before.
    if unistd::getppid() == parent {
        Ok(())
    } else {
        Err(Errno::ESRCH)
    }
}
