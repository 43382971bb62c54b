//! What a command gets, in words that every sandbox understands in its own way.

use crate::{ALICE, User};
use std::fs;
use std::path::{Path, PathBuf};

/// Which of the host's networks a command reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// None.
    Nothing,
    /// None, but named Unix sockets, which other sandboxes leave to what they mount.
    Unix,
    /// A loopback interface.
    Loopback,
    /// One TCP port of the host.
    Port(u16),
}

/// How much a command may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// As the shipped profiles say, for five minutes.
    Shipped,
    /// The same for one second.
    Short,
    /// What the probes of resources try to exceed: 128 MiB, 24 tasks, 64 descriptors,
    /// files of 1 MiB, temporary directories of 8 MiB.
    Small,
}

impl Bounds {
    /// How long it may run, in seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        match self {
            Bounds::Shipped => 300,
            Bounds::Short => 1,
            Bounds::Small => 20,
        }
    }
}

/// For whom a command runs, and what it gets beside what the shipped profiles give.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Whom it runs as.
    pub user: User,
    /// Where the programs under test are, in `bin`.
    pub scratch: PathBuf,
    /// To read.
    pub read: Vec<PathBuf>,
    /// To read and write.
    pub write: Vec<PathBuf>,
    /// To execute.
    pub execute: Vec<PathBuf>,
    /// Where it starts, when that is not left to the sandbox.
    pub directory: Option<PathBuf>,
    /// Variables, beside those that every profile has.
    pub environment: Vec<(String, String)>,
    /// What it reaches.
    pub network: Network,
    /// What it may take.
    pub bounds: Bounds,
}

impl Terms {
    /// Alice, and nothing besides; the programs are in `scratch`.
    #[must_use]
    pub fn shipped(scratch: &Path) -> Terms {
        Terms {
            user: ALICE,
            scratch: scratch.to_path_buf(),
            read: Vec::new(),
            write: Vec::new(),
            execute: Vec::new(),
            directory: None,
            environment: Vec::new(),
            network: Network::Nothing,
            bounds: Bounds::Shipped,
        }
    }
}

/// What every profile has in its environment.
pub(crate) const ENVIRONMENT: [(&str, &str); 5] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LC_ALL", "C.UTF-8"),
    ("PAGER", "cat"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TERM", "dumb"),
];

/// A path of the shipped profiles that is there, as a sandbox with a root of its own
/// makes it.
pub(super) enum Shipped {
    Tree(PathBuf),
    /// A symbolic link: where it leads, and what it is called.
    Link(PathBuf, PathBuf),
}

/// What the shipped profiles read, less /proc, which each sandbox has for itself.
pub(super) fn shipped() -> Vec<Shipped> {
    let list = policy::SHIPPED.split_once("read = [");
    let list = list.and_then(|(_, rest)| rest.split_once(']'));
    let list = list.expect("the profile reads something").0;
    let words = list.split('"').skip(1).step_by(2);
    let paths = words.map(|word| Path::new(word.trim_start_matches('-')));
    paths
        .filter(|path| *path != Path::new("/proc") && path.symlink_metadata().is_ok())
        .map(|path| match fs::read_link(path) {
            Ok(target) => Shipped::Link(target, path.to_path_buf()),
            Err(_) => Shipped::Tree(path.to_path_buf()),
        })
        .collect()
}

impl Terms {
    /// Adds what an option of `mini-mcp run` says.
    ///
    /// # Panics
    /// When it is none that the everyday programs need.
    pub(crate) fn add(&mut self, option: &str, value: &str) {
        match (option, value) {
            ("--read", path) => self.read.push(path.into()),
            ("--exec", path) => self.execute.push(path.into()),
            ("--env", text) => {
                let (name, value) = text.split_once('=').expect("NAME=VALUE");
                self.environment.push((name.to_owned(), value.to_owned()));
            }
            ("--network", "unix") => self.network = Network::Unix,
            ("--network", "loopback") => self.network = Network::Loopback,
            ("--connect", port) => {
                let port = port.strip_prefix("tcp:").expect("a port");
                self.network = Network::Port(port.parse().expect("a number"));
            }
            _ => panic!("`{option} {value}` means nothing to other sandboxes"),
        }
    }

    /// All variables of the command, with what `shipped.toml` adds.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let fixed = ENVIRONMENT.into_iter().chain([("HOME", "/tmp")]);
        let mut all: Vec<(String, String)> = fixed
            .filter(|(name, _)| !self.environment.iter().any(|(own, _)| own == name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        all.extend(self.environment.iter().cloned());
        all
    }
}
