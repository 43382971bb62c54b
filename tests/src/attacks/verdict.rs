//! Whether a probe got through: by its exit code, and where it may have left something,
//! by what is there.

use super::{Ground, left};
use std::fs;
use std::path::Path;

/// What became of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It got through.
    Escaped,
    /// It was refused.
    Refused,
    /// It could not try; why.
    Broken(String),
}

/// How the process of a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It exited.
    Exited(i32),
    /// A signal killed it.
    Signaled(i32),
    /// It came to the bound of its tree, and was killed for that.
    Bounded,
}

/// One run of a probe.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// Its class.
    pub class: &'a str,
    /// Its name.
    pub name: &'a str,
    /// A word that only this run has in its arguments.
    pub mark: &'a str,
    /// The process that it is to attack, by its number on the host.
    pub target: u32,
}

impl Probe<'_> {
    /// What became of it on `ground`; `said` is its standard error.
    ///
    /// # Panics
    /// When it left a process behind though that is not what it is for.
    #[must_use]
    pub fn verdict(&self, ground: &Ground, end: Option<End>, said: &str) -> Verdict {
        // What is answered is not asked where it may have left something.
        let outside = |folder: &str| Path::new(folder).join(self.mark);
        let left = left(ground, self.mark);
        match (self.class, self.name) {
            ("lifetime", _) if !left.is_empty() => return Verdict::Escaped,
            ("lifetime", _) if end != Some(End::Exited(2)) => return Verdict::Refused,
            (_, "create-in-tmp") => return created(&outside("/tmp")),
            (_, "create-in-shm" | "posix-shm-create") => return created(&outside("/dev/shm")),
            (_, name) => assert!(left.is_empty(), "{name} left a process"),
        }
        match self.name {
            "signal-all" => return pending(self.target, libc::SIGURG),
            "signal-owner" => return pending(self.target, libc::SIGWINCH),
            _ => {}
        }
        match end {
            Some(End::Exited(0)) => Verdict::Escaped,
            Some(End::Exited(1)) => Verdict::Refused,
            // Killed by the filter.
            Some(End::Signaled(libc::SIGSYS) | End::Bounded) => Verdict::Refused,
            other => Verdict::Broken(format!("{other:?} {said}")),
        }
    }
}

/// What a command makes in a directory of its own is not on the host.
fn created(path: &Path) -> Verdict {
    match fs::remove_file(path) {
        Ok(()) => Verdict::Escaped,
        Err(_) => Verdict::Refused,
    }
}

/// Whether `signal` waits for the process `target`.
fn pending(target: u32, signal: i32) -> Verdict {
    let status = fs::read_to_string(format!("/proc/{target}/status")).expect("the target lives");
    let line = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let pending = u64::from_str_radix(line.expect("a field").trim(), 16).expect("hexadecimal");
    match pending >> (signal - 1) & 1 {
        0 => Verdict::Refused,
        _ => Verdict::Escaped,
    }
}
