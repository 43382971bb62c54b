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
mod user;

pub(crate) use approvals::{approve, deny, grants, pending, revoke};
pub(crate) use audit::{audit, options as audit_options};
pub(crate) use check::check;
pub(crate) use doctor::doctor;
pub(crate) use examples::test;
pub(crate) use explain::explain;
pub(crate) use key::key;
pub(crate) use learn::{learn, stub};
pub(crate) use packs::{PackError, disable, enable, options as pack_options};
pub(crate) use reload::reload;
pub(crate) use replay::replay;
pub(crate) use report::report;
pub(crate) use run::{REFUSED, run};
pub(crate) use schema::schema;
pub(crate) use setup::{SetupError, options as setup_options, setup};
pub(crate) use status::status;
pub(crate) use tools::tools;

use crate::error::Error;
use crate::summary::{count, summary};
use serde_json::Value as Json;
use std::io::{self, ErrorKind, Write};

/// Writes `text` to standard output. Whoever closed it has read enough.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Print(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes `document` to standard output, for people and programs.
fn print_json(document: &Json) -> Result<(), Error> {
    print(&format!("{document:#}\n"))
}
