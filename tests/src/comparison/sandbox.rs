//! The sandboxes, and how each is told the same.

use super::jails::{bubblewrap, nsjail, nsjail_program};
use super::terms::{Bounds, Network, Terms};
use crate::{Starter, binary, command_as};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A column of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// The user's own rights.
    Nothing,
    /// `mini-mcp run --profile default`.
    Default,
    /// `mini-mcp run --profile isolated`.
    Isolated,
    /// bwrap(1), as strict as it goes.
    Bubblewrap,
    /// nsjail(1), likewise.
    Nsjail,
}

impl Sandbox {
    /// All, in the order of the table.
    pub const ALL: [Sandbox; 5] = [
        Sandbox::Nothing,
        Sandbox::Default,
        Sandbox::Isolated,
        Sandbox::Bubblewrap,
        Sandbox::Nsjail,
    ];

    /// What heads its column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Sandbox::Nothing => "no sandbox",
            Sandbox::Default => "default",
            Sandbox::Isolated => "isolated",
            Sandbox::Bubblewrap => "bubblewrap",
            Sandbox::Nsjail => "nsjail",
        }
    }

    /// Whether it is installed; ours is, and nothing takes nothing.
    #[must_use]
    pub fn there(self) -> bool {
        match self {
            Sandbox::Nothing | Sandbox::Default | Sandbox::Isolated => true,
            Sandbox::Bubblewrap => Path::new("/usr/bin/bwrap").exists(),
            Sandbox::Nsjail => nsjail_program().is_some(),
        }
    }

    /// Its version, as it says it.
    #[must_use]
    pub fn version(self) -> Option<String> {
        let (program, argument) = match self {
            Sandbox::Nothing => return None,
            Sandbox::Default | Sandbox::Isolated => (binary("mini-mcp"), "--version"),
            Sandbox::Bubblewrap => (PathBuf::from("/usr/bin/bwrap"), "--version"),
            // It has none to say.
            Sandbox::Nsjail => return std::env::var("NSJAIL_VERSION").ok(),
        };
        let output = Command::new(program).arg(argument).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned())
    }

    /// The command line that runs under `terms` what follows it: a program by its path,
    /// or by its name, and its arguments. As [`Command`], it is started as root, and has
    /// the environment that it needs.
    #[must_use]
    pub fn command(self, terms: &Terms) -> Command {
        match self {
            Sandbox::Nothing => nothing(terms),
            Sandbox::Default => ours("default", terms),
            Sandbox::Isolated => ours("isolated", terms),
            Sandbox::Bubblewrap => started(terms, "/usr/bin/bwrap".as_ref(), &bubblewrap(terms)),
            Sandbox::Nsjail => {
                let program = nsjail_program().expect("it is there");
                started(terms, &program, &nsjail(terms))
            }
        }
    }
}

impl Sandbox {
    /// A whole command line that runs /usr/bin/true, without what only tests need around
    /// it: ours is started by root, the others by the user.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn launcher(self, terms: &Terms) -> Command {
        let (program, options) = match self {
            Sandbox::Nothing => (PathBuf::from("/usr/bin/env"), Vec::new()),
            Sandbox::Default | Sandbox::Isolated => {
                let mut command = self.command(terms);
                command.arg("/usr/bin/true").stdin(Stdio::null());
                return command;
            }
            Sandbox::Bubblewrap => (PathBuf::from("/usr/bin/bwrap"), bubblewrap(terms)),
            Sandbox::Nsjail => (nsjail_program().expect("it is there"), nsjail(terms)),
        };
        let mut command = Command::new(program);
        command.args(options).args(["--", "/usr/bin/true"]);
        command.uid(terms.user.uid()).gid(terms.user.gid());
        command.env_clear().current_dir("/").stdin(Stdio::null());
        command
    }
}

fn nothing(terms: &Terms) -> Command {
    let mut command = command_as(terms.user, Path::new("/usr/bin/env"));
    command.env_clear().envs(terms.variables());
    command.current_dir(terms.directory.as_deref().unwrap_or(Path::new("/")));
    command
}

/// By the user, who has no privileges; it ends when its time is up, as ours does.
fn started(terms: &Terms, program: &Path, options: &[String]) -> Command {
    let mut command = command_as(terms.user, Path::new("/usr/bin/timeout"));
    let seconds = terms.bounds.seconds().to_string();
    command.args(["--kill-after=1", &seconds]);
    command.arg(program).args(options).arg("--");
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/");
    command
}

fn ours(profile: &str, terms: &Terms) -> Command {
    let mut options: Vec<String> = Vec::new();
    let mut say = |words: &[&str]| options.extend(words.iter().map(|&word| word.to_owned()));
    let small = terms.scratch.join("small.toml").display().to_string();
    if terms.bounds == Bounds::Small {
        write_small(&terms.scratch);
        say(&["--policy", &small, "--profile", &format!("small-{profile}")]);
    } else {
        say(&["--profile", profile]);
    }
    say(&["--timeout", &format!("{}s", terms.bounds.seconds())]);
    let lists = [
        ("--read", &terms.read),
        ("--rw", &terms.write),
        ("--exec", &terms.execute),
    ];
    for (option, paths) in lists {
        for path in paths {
            say(&[option, &path.display().to_string()]);
        }
    }
    if let Some(directory) = &terms.directory {
        say(&["--dir", &directory.display().to_string()]);
    }
    for (name, value) in &terms.environment {
        say(&["--env", &format!("{name}={value}")]);
    }
    match terms.network {
        Network::Nothing => {}
        Network::Unix => say(&["--network", "unix"]),
        Network::Loopback => say(&["--network", "loopback"]),
        Network::Port(port) => say(&["--connect", &format!("tcp:{port}")]),
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut command = Starter::Root.run(terms.user, &terms.scratch, &options);
    command.arg("--");
    command
}

/// The shipped profiles, and what holds a command of each to little.
fn write_small(scratch: &Path) {
    let mut text = policy::SHIPPED.to_owned();
    for profile in ["default", "isolated"] {
        text += &format!(
            "\n[profile.small-{profile}]\nextends = \"{profile}\"\nmemory_max = \"128M\"\n\
             tasks_max = 24\nlimit_nofile = 64\nlimit_fsize = \"1M\"\ntmp_size = \"8M\"\n"
        );
    }
    fs::write(scratch.join("small.toml"), text).expect("ours");
}

/// The words of a command line.
pub(super) fn words(command: &Command) -> Vec<String> {
    let text = |word: &OsStr| word.to_str().expect("UTF-8").to_owned();
    let mut words = vec![text(command.get_program())];
    words.extend(command.get_args().map(text));
    words
}
