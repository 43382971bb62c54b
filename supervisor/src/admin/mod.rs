//! The administrator's commands: they read policies and tell about them.
//!
//! Nothing here but `learn` runs a command: `run` hands it to the worker and ends.
//! `reload`, `status` and those about approvals talk to the service; the others can be
//! tried on a policy before it is in force, by anybody who can read it.

mod approvals;
mod audit;
mod call;
mod check;
mod doctor;
mod examples;
mod explain;
mod findings;
mod key;
mod learn;
mod metrics;
pub(crate) mod options;
mod packs;
mod reading;
mod reload;
mod replay;
mod report;
mod run;
mod schema;
mod setup;
mod status;
mod tap;
mod tools;
mod top;
mod user;

pub(crate) use approvals::{approve, deny, grants, pending, revoke};
pub(crate) use audit::{audit, options as audit_options};
pub(crate) use check::check;
pub(crate) use doctor::doctor;
pub(crate) use examples::test;
pub(crate) use explain::explain;
pub(crate) use key::key;
pub(crate) use learn::{learn, stub};
pub(crate) use metrics::{export, metrics};
pub(crate) use packs::{PackError, disable, enable, options as pack_options};
pub(crate) use reload::reload;
pub(crate) use replay::replay;
pub(crate) use report::report;
pub(crate) use run::{REFUSED, run};
pub(crate) use schema::schema;
pub(crate) use setup::{SetupError, options as setup_options, setup};
pub(crate) use status::status;
pub(crate) use tools::tools;
pub(crate) use top::top;

use crate::error::Error;
use crate::summary::{count, summary};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value as Json;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::Duration;

/// Whether anybody reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    There,
    /// He has closed standard output, and so read enough.
    Gone,
}

/// Writes `text` to standard output. Whoever closed it has read enough.
fn print(text: &str) -> Result<(), Error> {
    print_on(text).map(drop)
}

/// The same, for what would go on as long as somebody reads it.
fn print_on(text: &str) -> Result<Reader, Error> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Error::Print(error)),
    }
}

/// Waits for so long, or until nobody reads what is printed any more, poll(2).
fn pause(time: Duration) -> Reader {
    let stdout = io::stdout();
    // No event but those that are always reported.
    let mut descriptors = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    let time = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    match poll(&mut descriptors, time) {
        Ok(1..) => Reader::Gone,
        Ok(_) | Err(_) => Reader::There,
    }
}

/// Writes `document` to standard output, for people and programs.
fn print_json(document: &Json) -> Result<(), Error> {
    print(&format!("{document:#}\n"))
}
