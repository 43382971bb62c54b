//! `mini-mcp-worker run`: one command under a profile, with exactly the stages of
//! a lane, for whoever stands at the terminal.
//!
//! Its grant comes from the policy like any other ([`granted`]). Two processes hold
//! the command: one launches it and waits ([`watch`]); the first one stays behind
//! to clean up when that one is lost ([`guard`]). Nothing listens, nothing is
//! served, and no audit trail is written.

mod error;
mod granted;
mod guard;
mod options;
mod program;
mod streams;
mod watch;

use crate::bounds;
use crate::context::{self, Context, Trust};
use crate::denials::Observer;
use crate::explain::explain;
use crate::launcher::{Launcher, Streams};
use crate::sandbox::containment::Containment;
use crate::sandbox::namespaces::Shut;
use crate::sandbox::seccomp::Filters;
use crate::sys::{self, Fork};
use error::{OnceError, Status};
use granted::Granted;
use guard::Signals;
use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::unistd::pipe2;
use options::Once;
use policy::Grant;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command that follows `run`; the status is its own, or says what became of it.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = options::parse(arguments).map_err(OnceError::from);
    let status = options.and_then(|options| carry_out(&options));
    let status = status.unwrap_or_else(|error| {
        tell(&explain(&error));
        error.status()
    });
    ExitCode::from(status.0)
}

fn carry_out(options: &Once) -> Result<Status, OnceError> {
    // Commands of the same user must not read our memory or descriptors.
    prctl::set_dumpable(false)?;
    let streams = streams::own()?;
    let Granted {
        policy,
        trust,
        grant,
    } = granted::granted(options)?;
    // From here on a signal waits until everything can be ended in order.
    let signals = Signals::block()?;
    let containment = Containment::choose(options.containment)?;
    let launcher = Launcher::new(context(
        policy,
        trust,
        containment,
        options.explain_denials,
    )?);
    hold(launcher, &grant, streams, &signals)
}

fn context(
    policy: policy::Policy,
    trust: Trust,
    containment: Containment,
    explain_denials: bool,
) -> Result<Context, OnceError> {
    let grants = bounds::granted(&policy)?;
    let mut needed = bounds::needed(&policy);
    if explain_denials {
        needed.insert(Observer::try_out()?);
    }
    bounds::apply(&trust, &grants, &needed)?;
    Ok(Context {
        filters: Filters::of(&policy),
        policy,
        trust,
        containment,
        grants,
        needed,
        shut: Shut::choose().for_one(),
        null: context::open_null()?,
        explain_denials,
    })
}

/// Forks: the new process launches the command, this one stays behind.
fn hold(
    launcher: Launcher,
    grant: &Grant,
    streams: Streams,
    signals: &Signals,
) -> Result<Status, OnceError> {
    // What the other process leaves becomes ours, so that it is found and killed.
    prctl::set_child_subreaper(true)?;
    let (alive, alive_end) = pipe2(OFlag::O_CLOEXEC)?;
    match sys::fork(0, None)? {
        Fork::Child => {
            drop(alive_end);
            watch::command(launcher, grant, streams, signals, &alive)
        }
        Fork::Parent(process) => {
            drop((alive, streams));
            guard::stay(&process, &launcher.context.containment, signals)
        }
    }
}

/// One line for whoever started it, on standard error.
fn tell(text: &str) {
    eprintln!("mini-mcp: {text}");
}
