//! A control group of its own for each command, cgroups(7): it counts and bounds
//! the whole process tree, and `cgroup.kill` ends all of it at once.
//!
//! A group that was killed is never used again: several kernels kill at birth
//! whatever is later cloned into it.

use super::delegation::{enable_controllers, listed, own_group};
use super::settings::{Setting, settings};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use policy::{Controller, Profile};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A cgroup that cannot be used.
#[derive(Debug, Error)]
#[error("cannot {verb} cgroup `{path}`")]
pub(crate) struct CgroupError {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CgroupError {
    let path = path.to_path_buf();
    move |source| CgroupError { verb, path, source }
}

/// The directory under which this worker makes one group for each command.
#[derive(Debug)]
pub(crate) struct Base {
    path: PathBuf,
    /// What can be bounded in the groups below.
    controllers: BTreeSet<Controller>,
    /// The process that made it.
    owner: Pid,
}

impl Drop for Base {
    /// Lanes have a copy, which owns nothing.
    fn drop(&mut self) {
        if self.owner == Pid::this() {
            self.remove();
        }
    }
}

impl Base {
    /// Makes the directory below this process's own group, with the
    /// controllers that the host delegates.
    pub(crate) fn new() -> Result<Self, CgroupError> {
        let own = own_group().map_err(failed("find", Path::new("/proc/self/cgroup")))?;
        // The root of the hierarchy is closed even to root, but for CAP_DAC_OVERRIDE,
        // which the worker gives up: this one stays, and what is in it can be removed.
        let home = own.join("mini-mcp");
        match fs::create_dir(&home) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("make", &home)(error));
            }
            Ok(()) | Err(_) => {}
        }
        sweep_dead(&home);
        let path = home.join(format!("worker.{}", Pid::this()));
        fs::create_dir(&path).map_err(failed("make", &path))?;
        enable_controllers(&own, &[&home, &path]);
        let enabled = fs::read_to_string(path.join("cgroup.subtree_control")).unwrap_or_default();
        Ok(Self {
            controllers: listed(&enabled),
            owner: Pid::this(),
            path,
        })
    }

    /// A fresh group for a command of `lane`; `number` tells its groups apart.
    pub(crate) fn create(&self, lane: Pid, number: u64) -> Result<Cgroup, CgroupError> {
        self.group(&format!("{lane}-{number}"))
    }

    /// A group without bounds, to try what the kernel allows.
    pub(super) fn probe(&self) -> Result<Cgroup, CgroupError> {
        self.group("probe")
    }

    fn group(&self, name: &str) -> Result<Cgroup, CgroupError> {
        let path = self.path.join(name);
        fs::create_dir(&path).map_err(failed("make", &path))?;
        Cgroup::open(&path, &self.controllers).inspect_err(|_| {
            let _left = remove(&path);
        })
    }

    /// Whether the kernel counts tasks here, so that `RLIMIT_NPROC` need not.
    pub(crate) fn counts_tasks(&self) -> bool {
        self.controllers.contains(&Controller::Pids)
    }

    /// Whether groups here can be bounded by `controller`.
    pub(crate) fn has(&self, controller: Controller) -> bool {
        self.controllers.contains(&controller)
    }

    /// The limits of a group for a command of `profile`.
    pub(super) fn limits(&self, profile: &Profile) -> Vec<Setting> {
        settings(profile, &self.controllers)
    }

    /// Ends whatever a lost lane left behind.
    pub(crate) fn sweep(&self, lane: Pid) {
        let prefix = format!("{lane}-");
        for path in children(&self.path) {
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
            {
                let _left = remove(&path);
            }
        }
    }

    /// Removes the directory, if this was the last process to use it, and the one
    /// above where that may be removed.
    pub(crate) fn remove(&self) {
        let _in_use = fs::remove_dir(&self.path);
        let _shared = self.path.parent().map(fs::remove_dir);
    }
}

/// The group of one command. What is asked of it at the end is opened at the beginning,
/// which can be while nobody waits.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
    directory: File,
    /// `cgroup.events`.
    events: File,
    counters: Counters,
    controllers: BTreeSet<Controller>,
}

impl Drop for Cgroup {
    /// Kills whatever is left in the group and removes it, unless it is gone already.
    fn drop(&mut self) {
        let _left = remove(&self.path);
    }
}

/// What a whole tree used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Processor time in microseconds, where the kernel tells.
    pub cpu_us: Option<u64>,
    /// Largest memory in bytes, where the kernel tells.
    pub memory_peak: Option<u64>,
    /// How many processes were killed because there was no more memory.
    pub memory_kills: u64,
    /// How many tasks were refused.
    pub tasks_refused: u64,
    /// Whether something was left that had to be killed.
    pub killed: bool,
}

impl Cgroup {
    fn open(path: &Path, controllers: &BTreeSet<Controller>) -> Result<Self, CgroupError> {
        let file = |name| File::open(path.join(name));
        let count = |one, name| {
            controllers
                .contains(&one)
                .then(|| file(name).ok())
                .flatten()
        };
        Ok(Self {
            directory: File::open(path).map_err(failed("open", path))?,
            events: file("cgroup.events").map_err(failed("watch", path))?,
            counters: Counters {
                cpu: file("cpu.stat").ok(),
                memory_peak: count(Controller::Memory, "memory.peak"),
                memory: count(Controller::Memory, "memory.events"),
                pids: count(Controller::Pids, "pids.events"),
            },
            controllers: controllers.clone(),
            path: path.to_path_buf(),
        })
    }

    /// For `CLONE_INTO_CGROUP`.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Sets the limits of `profile`.
    pub(super) fn bound(&self, profile: &Profile) -> Result<(), CgroupError> {
        self.set(&settings(profile, &self.controllers))
    }

    /// Sets these limits.
    pub(super) fn set(&self, limits: &[Setting]) -> Result<(), CgroupError> {
        for Setting {
            file,
            value,
            needed,
        } in limits
        {
            let path = self.path.join(file);
            if *needed || path.exists() {
                fs::write(&path, value).map_err(failed("limit", &path))?;
            }
        }
        Ok(())
    }

    /// Kills whatever is left in the group, and tells what it used. The group is empty
    /// from then on; it is removed when this is dropped.
    pub(super) fn end(&self) -> Result<Usage, CgroupError> {
        // Processes that are left would go on using.
        let killed = kill(&self.path, &self.events).map_err(failed("kill", &self.path))?;
        Ok(Usage {
            killed,
            ..self.counters.usage()
        })
    }
}

/// What the kernel counts in a group; files of controllers that are not there say nothing.
#[derive(Debug)]
struct Counters {
    /// `cpu.stat`.
    cpu: Option<File>,
    /// `memory.peak`.
    memory_peak: Option<File>,
    /// `memory.events`.
    memory: Option<File>,
    /// `pids.events`.
    pids: Option<File>,
}

impl Counters {
    fn usage(&self) -> Usage {
        let read = |file: &Option<File>| {
            let text = file.as_ref().and_then(|file| beginning(file).ok());
            text.unwrap_or_default()
        };
        Usage {
            cpu_us: counted(&read(&self.cpu), "usage_usec"),
            memory_peak: read(&self.memory_peak).trim().parse().ok(),
            memory_kills: counted(&read(&self.memory), "oom_kill").unwrap_or_default(),
            tasks_refused: counted(&read(&self.pids), "max").unwrap_or_default(),
            killed: false,
        }
    }
}

/// The number of `name` in a file of lines `NAME NUMBER`.
fn counted(lines: &str, name: &str) -> Option<u64> {
    let mut words = lines.lines().filter_map(|line| line.split_once(' '));
    let (_, number) = words.find(|(word, _)| *word == name)?;
    number.trim().parse().ok()
}

/// Removes what workers left that were killed themselves.
fn sweep_dead(home: &Path) {
    for path in children(home) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let worker = name
            .strip_prefix("worker.")
            .and_then(|pid| pid.parse().ok())
            .map(Pid::from_raw);
        if worker.is_some_and(|pid| nix::sys::signal::kill(pid, None) == Err(Errno::ESRCH)) {
            let _left = remove(&path);
        }
    }
}

fn children(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Kills until the group can be removed, with all groups beneath it: a lane whose worker
/// was killed may still make one.
fn remove(path: &Path) -> io::Result<()> {
    loop {
        match fs::remove_dir(path) {
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
                kill(path, &File::open(path.join("cgroup.events"))?)?;
                children(path).iter().try_for_each(|group| remove(group))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => return result,
        }
    }
}

/// Kills every process in the group and waits until there is none; whether there was one.
/// `events` is its `cgroup.events`.
fn kill(path: &Path, events: &File) -> io::Result<bool> {
    let mut killed = false;
    while beginning(events)?.starts_with("populated 1") {
        fs::write(path.join("cgroup.kill"), "1")?;
        killed = true;
        // The kernel reports a change of `populated` as an exceptional condition.
        let mut descriptors = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
        match poll(&mut descriptors, PollTimeout::from(100_u8)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(killed)
}

/// The first bytes of a file of a group, where all stands that is asked for.
fn beginning(file: &File) -> io::Result<String> {
    let mut buffer = [0; 256];
    let length = FileExt::read_at(file, &mut buffer, 0)?;
    Ok(String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (file, content) in files {
            fs::write(directory.path().join(file), content).unwrap();
        }
        directory
    }

    #[test]
    fn a_group_tells_what_was_used_killed_and_refused() {
        let usage = |files: &[(&str, &str)]| {
            let directory = fake(&[&[("cgroup.events", "")], files].concat());
            let group = Cgroup::open(directory.path(), &Controller::ALL.into()).unwrap();
            group.counters.usage()
        };
        let some = usage(&[
            ("cpu.stat", "usage_usec 17\nuser_usec 1\n"),
            ("memory.peak", "4096\n"),
            ("memory.events", "low 0\nmax 9\noom 3\noom_kill 2\n"),
            ("pids.events", "max 5\n"),
        ]);
        assert_eq!((some.cpu_us, some.memory_peak), (Some(17), Some(4096)));
        assert_eq!((some.memory_kills, some.tasks_refused), (2, 5));
        let none = usage(&[]);
        assert_eq!((none.cpu_us, none.memory_peak), (None, None));
        assert_eq!((none.memory_kills, none.tasks_refused), (0, 0));
    }

    #[test]
    fn a_group_that_has_not_the_file_of_a_limit_is_refused() {
        let directory = fake(&[("cgroup.events", "")]);
        let mut group = Cgroup::open(directory.path(), &Controller::ALL.into()).unwrap();
        group.path = directory.path().join("gone");
        let policy = crate::sandbox::settings::tests::policy("cpu_quota = '50%'");
        let profile = policy.profiles().next().unwrap();
        let error = group.bound(profile).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot limit cgroup"),
            "{error}"
        );
    }
}
