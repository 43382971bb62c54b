//! `mini-mcp learn`: runs a command once, watches it by ptrace(2), and prints the
//! profile and the tool that this run needed.
//!
//! It knows what it saw and no more: another run may need more, and the policy says
//! so. The command is not confined while it is watched; it runs as the user who is
//! named, with the environment that a tool has.

mod files;
mod memory;
mod policy;
mod sockets;
mod stub;
mod system_calls;
mod trace;
mod tree;

use super::options::Learn;
use super::print;
use crate::error::Error;
use crate::stdio::worker_program;
use ::policy::{Policy, Setting};
use files::Files;
use memory::Memory;
use nix::unistd::geteuid;
use policy_files::HostAccounts;
use sockets::Sockets;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
pub(crate) use stub::stub;

/// What the command is and how it is run.
#[derive(Debug)]
struct Subject {
    /// Absolute path of the program.
    program: PathBuf,
    /// As typed, after the program.
    arguments: Vec<String>,
    /// Whom it runs as.
    user: String,
    /// His home directory.
    home: PathBuf,
    /// Where it starts.
    directory: PathBuf,
    /// What is added to the environment that every tool has.
    environment: Vec<(String, String)>,
}

/// What one run did.
#[derive(Debug, Default)]
struct Seen {
    files: Files,
    sockets: Sockets,
    memory: Memory,
    /// System calls that succeeded, by name.
    calls: BTreeSet<&'static str>,
    /// Most processes and threads at once.
    tasks: u64,
    /// Highest descriptor.
    descriptor: u64,
    wall: Duration,
    /// Exit status, or 128 and the signal's number.
    status: i32,
}

/// Runs the command and prints what it needs; true when the command succeeded.
pub(crate) fn learn(options: &Learn) -> Result<bool, Error> {
    if !geteuid().is_root() {
        return Err(Error::LearnAsRoot);
    }
    let subject = Subject::new(options)?;
    let known = system_calls::default_list(&worker_program())?;
    let command = stub::command(&subject, options.output.is_none())?;
    let seen = trace::watch(command).map_err(Error::Trace)?;
    let text = policy::text(&subject, &seen, &known);
    match &options.output {
        Some(path) => fs::write(path, text).map_err(|source| Error::WriteLearned {
            path: path.clone(),
            source,
        })?,
        None => print(&text)?,
    }
    Ok(seen.status == 0)
}

impl Subject {
    fn new(options: &Learn) -> Result<Self, Error> {
        let name = options.user.clone().unwrap_or_else(|| "root".to_owned());
        let user = nix::unistd::User::from_name(&name).ok().flatten();
        let user = user.ok_or(Error::NoUser { name })?;
        let (program, arguments) = options.command.split_first().ok_or(Error::NoProgram {
            program: String::new(),
        })?;
        let pairs = options.environment.iter();
        Ok(Self {
            program: found(program)?,
            arguments: arguments.to_vec(),
            user: user.name,
            home: user.dir,
            directory: std::env::current_dir().map_err(Error::Process)?,
            environment: pairs
                .map(|pair| (pair.key.clone(), pair.value.clone()))
                .collect(),
        })
    }

    /// The whole environment: what the policy language makes of it.
    fn whole_environment(&self) -> Result<Vec<(String, String)>, Error> {
        let text = format!(
            "version = 1\n[profile.learned]\n{}",
            policy::environment(self)
        );
        let policy = Policy::parse("--env", &text, &Setting::System, &HostAccounts)?;
        let profile = policy.profiles().next();
        Ok(profile.map_or_else(Vec::new, |profile| profile.environment.clone()))
    }
}

/// The program `name`, looked for where tools' commands are looked for by programs.
fn found(name: &str) -> Result<PathBuf, Error> {
    let missing = || Error::NoProgram {
        program: name.to_owned(),
    };
    if name.contains('/') {
        let path = std::path::absolute(name).map_err(Error::Process)?;
        return path.is_file().then_some(path).ok_or_else(missing);
    }
    let directories = [
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
        "/usr/local/sbin",
        "/usr/sbin",
    ];
    let mut paths = directories
        .iter()
        .map(|directory| Path::new(directory).join(name));
    paths.find(|path| path.is_file()).ok_or_else(missing)
}

/// What the worker says of the default list of system calls.
fn worker_report(worker: &Path) -> Result<Vec<u8>, Error> {
    let start = |source: io::Error| Error::StartWorker {
        path: worker.to_owned(),
        source,
    };
    let mut command = Command::new(worker);
    // The embedded policy: the list depends on none.
    command.args(["doctor", "--json", "--workspace", "/"]);
    Ok(command.output().map_err(start)?.stdout)
}
