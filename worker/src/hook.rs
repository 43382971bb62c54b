//! The administrator's program that is told when a call begins to wait for approval:
//! a message on a desktop or in a chat. It decides nothing, inherits nothing, and is
//! bounded in number and time; that it fails is said in the log and changes nothing.

use crate::approvals::asked;
use crate::audit::Waiting;
use crate::audit::json::{Item, Object};
use crate::explain::explain;
use crate::input::sealed;
use crate::sandbox::program;
use crate::worker::say;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, User, geteuid};
use std::collections::VecDeque;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use thiserror::Error;
use wire::Shown;

/// Most of them at once; the other requests wait their turn.
const RUNNING_MAX: usize = 4;

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program that is not run.
#[derive(Debug, Error)]
pub(crate) enum HookError {
    /// There is no such user.
    #[error("cannot find the user `{0}` of --on-request-as\nhint: give an existing name, or an id")]
    User(String),
    /// Others could replace it.
    #[error(transparent)]
    Program(#[from] program::ProgramError),
    /// It cannot be executed.
    #[error("cannot run `{0}`")]
    Run(PathBuf, #[source] io::Error),
}

/// What is run, and as whom.
#[derive(Debug)]
struct Program {
    path: PathBuf,
    user: Option<(u32, u32)>,
}

/// The program, what it is still to be told, and where it runs.
#[derive(Debug, Default)]
pub(crate) struct Hook {
    program: Option<Program>,
    /// By the name of the request; no more than there are requests that wait.
    waiting: VecDeque<(String, String)>,
    running: Vec<(Pid, Instant)>,
}

impl Hook {
    /// Tells `path` as the user `name`; nobody without a path. A worker that is not
    /// root's runs it as itself.
    pub(crate) fn new(path: Option<PathBuf>, name: &str) -> Result<Self, HookError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        trusted(&path)?;
        let user = if geteuid().is_root() {
            Some(account(name)?)
        } else {
            None
        };
        let program = Some(Program { path, user });
        Ok(Self {
            program,
            ..Self::default()
        })
    }

    /// Tells that `waiting` begins to wait as `id`.
    pub(crate) fn tell(&mut self, id: &str, waiting: &Waiting) {
        if self.program.is_some() {
            self.waiting
                .push_back((id.to_owned(), document(id, waiting)));
            self.go_on();
        }
    }

    /// Tells nobody any more that `id` waits.
    pub(crate) fn forget(&mut self, id: &str) {
        self.waiting.retain(|(waiting, _)| waiting != id);
    }

    /// When [`Self::tick`] is to be called next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.running.iter().map(|(_, due)| *due).min()
    }

    /// Ends those whose time is up.
    pub(crate) fn tick(&mut self) {
        let now = Instant::now();
        for (pid, due) in &mut self.running {
            if *due <= now {
                say("the program of --on-request took too long and was killed");
                let _ended_already = killpg(*pid, Signal::SIGKILL);
                // Until it is reaped, which is soon.
                *due = now + PATIENCE;
            }
        }
    }

    /// Ends all of them.
    pub(crate) fn stop(&mut self) {
        self.waiting.clear();
        for (pid, _) in &self.running {
            let _ended_already = killpg(*pid, Signal::SIGKILL);
        }
    }

    /// Notes that the process `pid` has ended.
    pub(crate) fn ended(&mut self, pid: Pid, status: i32) {
        let before = self.running.len();
        self.running.retain(|(running, _)| *running != pid);
        if self.running.len() < before {
            if status != 0 {
                say(&format!(
                    "the program of --on-request failed (wait status {status})"
                ));
            }
            self.go_on();
        }
    }

    /// The processes that belong to it.
    pub(crate) fn processes(&self) -> impl Iterator<Item = Pid> {
        self.running.iter().map(|(pid, _)| *pid)
    }

    fn go_on(&mut self) {
        while self.running.len() < RUNNING_MAX
            && let (Some(program), Some((_, text))) = (&self.program, self.waiting.pop_front())
        {
            match program.run(&text) {
                Ok(pid) => self.running.push((pid, Instant::now() + PATIENCE)),
                Err(error) => say(&explain(&error)),
            }
        }
    }
}

impl Program {
    fn run(&self, text: &str) -> Result<Pid, HookError> {
        // It may have been given away since the last time.
        trusted(&self.path)?;
        let failed = |error| HookError::Run(self.path.clone(), error);
        let mut command = Command::new(&self.path);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir("/")
            .stdin(sealed(text).map_err(failed)?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some((uid, gid)) = self.user {
            // Supplementary groups go with it, std::os::unix::process::CommandExt::uid.
            command.uid(uid).gid(gid);
        }
        let child = command.spawn().map_err(failed)?;
        Ok(Pid::from_raw(child.id().cast_signed()))
    }
}

fn trusted(path: &std::path::Path) -> Result<(), HookError> {
    let own = Some(geteuid().as_raw()).filter(|uid| *uid != 0);
    Ok(program::check(path, own)?)
}

fn account(name: &str) -> Result<(u32, u32), HookError> {
    let user = match name.parse() {
        Ok(id) => User::from_uid(nix::unistd::Uid::from_raw(id)),
        Err(_) => User::from_name(name),
    };
    let user = user.ok().flatten();
    user.map(|user| (user.uid.as_raw(), user.gid.as_raw()))
        .ok_or_else(|| HookError::User(name.to_owned()))
}

/// The request as JSON, documented in docs/approvals.md.
fn document(id: &str, waiting: &Waiting) -> String {
    let asked = asked(id.to_owned(), waiting);
    let calling = asked.calling;
    let object = Object::new()
        .text("id", id)
        .text("principal", &calling.principal);
    let object = match (calling.uid, &calling.key) {
        (Some(uid), _) => object.literal("uid", uid),
        (None, Some(key)) => object.text("key", key),
        (None, None) => object,
    };
    let object = object
        .text("tool", &calling.tool)
        .items("argv", calling.argv.iter().map(item));
    let object = match asked.directory {
        Some(directory) => object.text("directory", &directory),
        None => object,
    };
    let object = match &asked.client {
        Some(client) => object.text("client", client),
        None => object,
    };
    let object = object
        .text("rule", &asked.rule)
        .literal("timeout_ms", asked.left_ms)
        .literal("confirmed", asked.confirmed);
    format!("{}\n", object.finish())
}

fn item(shown: &Shown) -> Item {
    match shown {
        Shown::Text(text) => Item::Text(text.clone()),
        Shown::File(path) => Item::Object(Object::new().text("file", path)),
        Shown::Secret(prefix) => {
            Item::Object(Object::new().text("prefix", prefix).literal("secret", true))
        }
    }
}
