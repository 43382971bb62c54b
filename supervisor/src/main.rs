//! `mini-mcp`: the unprivileged front of Mini MCP and the administrator's commands.
//!
//! Speaks MCP with agents and asks the worker to run what the policy allows. It
//! holds no privilege and no authority: the worker decides again, from the same
//! policy, for whoever the kernel says is at the other end of the client's socket.

#![forbid(unsafe_code)]

mod admin;
mod cli;
mod confine;
mod connect;
#[cfg(test)]
mod documented;
mod error;
mod front;
mod http;
mod inet;
mod lane;
mod listener;
mod log;
mod message;
mod metrics;
mod output;
mod peer;
mod reload;
mod runs;
mod sanitize;
mod serve;
mod service;
mod signals;
mod socket;
mod stdio;
mod summary;
mod telemetry;
mod tls;
mod trail;
mod vanish;
mod watch;
mod workspace;

use clap::Parser;
use cli::{Cli, Command};
use error::Error;
use std::process::ExitCode;
use tokio::runtime;
use tracing::level_filters::LevelFilter;

/// Most threads beside the one: they look names up, read floods, and write and close files.
const BLOCKING_MAX: usize = 16;

fn main() -> ExitCode {
    // Commands that run as the same user must not read this process's memory
    // and environment; see PR_SET_DUMPABLE in prctl(2). It cannot fail.
    let _ = nix::sys::prctl::set_dumpable(false);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return tell(&usage),
    };
    match run(cli.command) {
        Ok(status) => status,
        Err(error) => {
            error.report();
            ExitCode::FAILURE
        }
    }
}

/// Help and version on standard output are fine; everything else is wrong usage.
fn tell(usage: &clap::Error) -> ExitCode {
    // Nobody is left to be told when this fails.
    let _ = usage.print();
    let runs = std::env::args_os().nth(1).is_some_and(|word| word == "run");
    if usage.use_stderr() && runs {
        // Of a command's own status 2 is not ours to take.
        ExitCode::from(admin::REFUSED)
    } else if usage.use_stderr() {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

/// Does what was asked for.
fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Serve(options) => {
            log::start(LevelFilter::INFO, options.logging)?;
            block_on(serve::serve(options))?;
        }
        Command::Stdio(options) => {
            log::start(LevelFilter::WARN, options.logging)?;
            block_on(stdio::serve(options))?;
        }
        Command::Connect(options) => connect::connect(&options)?,
        Command::Check(options) => return admin::check(&options).map(status),
        Command::Doctor(options) => return Ok(admin::doctor(options)),
        Command::Learn(options) => return admin::learn(&options).map(status),
        Command::LearnStub(options) => return Ok(admin::stub(&options)),
        Command::Tools(options) => admin::tools(&options)?,
        Command::Reload(options) => admin::reload(&options)?,
        Command::Key(options) => admin::key(&options)?,
        Command::Schema(_) => admin::schema()?,
        Command::Setup(options) => admin::setup(&options)?,
        Command::Enable(options) => admin::enable(&options)?,
        Command::Disable(options) => admin::disable(&options)?,
        Command::Test(options) => return admin::test(&options).map(status),
        Command::Explain(options) => return Ok(admin::explain(&options)),
        Command::Status(options) => return Ok(admin::status(&options)),
        Command::Top(options) => return Ok(admin::top(&options)),
        Command::Metrics(options) if options.listen.is_some() => {
            block_on(admin::export(&options))?;
        }
        Command::Metrics(options) => admin::metrics(&options)?,
        Command::Pending(options) => return Ok(admin::pending(&options)),
        Command::Approve(options) => return Ok(admin::approve(&options)),
        Command::Deny(options) => return Ok(admin::deny(&options)),
        Command::Grants(options) => return Ok(admin::grants(&options)),
        Command::Revoke(options) => return Ok(admin::revoke(&options)),
        Command::Report(options) => admin::report(&options)?,
        Command::Audit(options) => return admin::audit(&options),
        Command::Replay(options) => return Ok(admin::replay(&options)),
        Command::Run(options) => return Ok(admin::run(&options)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells a script whether all is as it should be.
fn status(fine: bool) -> ExitCode {
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One thread: the work here is passing bytes on, and commands run elsewhere.
fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_MAX)
        .build();
    let runtime = runtime.map_err(Error::Process)?;
    let result = runtime.block_on(work);
    // A read of standard input may still be waiting for a client that is silent.
    runtime.shutdown_background();
    result
}
