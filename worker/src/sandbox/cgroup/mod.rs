//! A control group of its own for each command, cgroups(7): it counts and bounds
//! the whole process tree, and `cgroup.kill` ends all of it at once.
//!
//! A group that was killed is never used again: several kernels kill at birth
//! whatever is later cloned into it. One whose command has ended by itself, and left nothing
//! that would count for another, is that of the next with the same limits.

mod counters;

pub(crate) use counters::Usage;

use super::delegation::{enable_controllers, listed, own_group};
use super::settings::{Setting, settings};
use counters::{Counters, beginning};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use policy::{Controller, Profile};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
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

/// The group of one command at a time. What is asked of it at the end is opened at the
/// beginning, which can be while nobody waits.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
    directory: File,
    /// `cgroup.procs`: whenever a process is born in the group the kernel asks who may write
    /// to it, and would have to make its inode each time where nobody holds that.
    _processes: Option<File>,
    /// `cgroup.events`.
    events: File,
    counters: Counters,
    /// Those that were set, if any were.
    limits: Option<Vec<Setting>>,
}

impl Drop for Cgroup {
    /// Kills whatever is left in the group and removes it, unless it is gone already.
    fn drop(&mut self) {
        let _left = remove(&self.path);
    }
}

impl Cgroup {
    fn open(path: &Path, controllers: &BTreeSet<Controller>) -> Result<Self, CgroupError> {
        let events = File::open(path.join("cgroup.events"));
        let mut held = OpenOptions::new();
        held.read(true).custom_flags(libc::O_PATH);
        Ok(Self {
            _processes: held.open(path.join("cgroup.procs")).ok(),
            directory: File::open(path).map_err(failed("open", path))?,
            events: events.map_err(failed("watch", path))?,
            counters: Counters::open(path, controllers),
            limits: None,
            path: path.to_path_buf(),
        })
    }

    /// For `CLONE_INTO_CGROUP`.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Whether it has these limits, or none yet.
    pub(crate) fn serves(&self, limits: &[Setting]) -> bool {
        self.limits.as_ref().is_none_or(|own| own == limits)
    }

    /// Sets these limits for good.
    pub(crate) fn bound(&mut self, limits: Vec<Setting>) -> Result<(), CgroupError> {
        if self.limits.as_ref() == Some(&limits) {
            return Ok(());
        }
        for Setting {
            file,
            value,
            needed,
        } in &limits
        {
            let path = self.path.join(file);
            if *needed || path.exists() {
                fs::write(&path, value).map_err(failed("limit", &path))?;
            }
        }
        self.limits = Some(limits);
        Ok(())
    }

    /// Whether the next command finds this group, which used `usage`, as if it were fresh.
    pub(super) fn renew(&mut self, usage: &Usage) -> bool {
        let limits = self.limits.as_deref().unwrap_or_default();
        let fresh = !usage.killed && !limits.iter().any(owes);
        fresh && self.counters.renew(usage, least_memory(limits))
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

/// Whether what somebody took beyond `limit` is taken from what comes after.
fn owes(limit: &Setting) -> bool {
    match limit.file {
        "cpu.max" | "io.weight" => true,
        "memory.swap.max" => limit.value != "0",
        _ => false,
    }
}

/// The lowest bound of memory in bytes.
fn least_memory(limits: &[Setting]) -> u64 {
    let bounds = limits
        .iter()
        .filter(|limit| matches!(limit.file, "memory.max" | "memory.high"));
    let bounds = bounds.map(|limit| limit.value.parse().unwrap_or_default());
    bounds.min().unwrap_or(u64::MAX)
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sandbox::delegation::tests::fake;
    use crate::sandbox::settings::tests::policy;
    use std::os::unix::fs::symlink;

    /// A group with nothing in it, and the directory that it is.
    pub(crate) fn empty() -> (tempfile::TempDir, Cgroup) {
        let directory = fake(&USED);
        let group = Cgroup::open(directory.path(), &Controller::ALL.into()).unwrap();
        (directory, group)
    }

    /// The limits of a profile with `body`, where all controllers are.
    pub(crate) fn limits(body: &str) -> Vec<Setting> {
        let policy = policy(body);
        settings(policy.profiles().next().unwrap(), &Controller::ALL.into())
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
        assert_eq!((some.memory_kills, some.tasks_refused), (Some(2), Some(5)));
        let none = usage(&[]);
        assert_eq!((none.cpu_us, none.memory_peak), (None, None));
        assert_eq!((none.memory_kills, none.tasks_refused), (None, None));
    }

    const USED: [(&str, &str); 7] = [
        ("cgroup.events", "populated 0\n"),
        ("cpu.stat", "usage_usec 17\nuser_usec 1\n"),
        ("memory.peak", "9000\n"),
        ("memory.events", "oom_kill 0\n"),
        ("memory.current", "32768\n"),
        ("pids.events", "max 0\n"),
        ("pids.current", "0\n"),
    ];

    /// Whether a group with 2 MiB of memory serves another command, when what a first one
    /// left is [`USED`] but for `file`, which says `content` or is not there.
    fn renews(body: &str, file: &str, content: Option<&str>) -> bool {
        let directory = fake(&USED);
        let path = directory.path().join(file);
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let mut group = Cgroup::open(directory.path(), &Controller::ALL.into()).unwrap();
        group.limits = Some(limits(body));
        let usage = group.end().unwrap();
        group.renew(&usage)
    }

    #[test]
    fn a_group_serves_again_when_nothing_of_the_last_command_counts_for_the_next() {
        let plain = "memory_max = '2M'";
        let left = |file, content| renews(plain, file, Some(content));
        assert!(left("memory.current", "32768\n"));
        assert!(!left("memory.current", "32769\n"));
        assert!(!left("memory.current", "some\n"));
        assert!(!renews(plain, "memory.current", None));
        assert!(!left("pids.current", "1\n"));
        assert!(!renews(plain, "pids.current", None));
        assert!(!left("memory.events", "oom_kill 1\n"));
        assert!(!left("pids.events", "max 1\n"));
        for (file, _) in [USED[1], USED[3], USED[5]] {
            assert!(!left(file, "something\n"), "{file}");
        }
        assert!(!renews(plain, "memory.events", None));
        assert!(!renews(plain, "pids.events", None));
        let bounds = |body: &str| renews(body, "pids.current", Some("0"));
        assert!(!bounds("memory_max = '2M'\nmemory_high = '1M'"));
        assert!(!bounds("memory_max = '2M'\nmemory_swap_max = '1M'"));
        assert!(!bounds("memory_max = '2M'\ncpu_quota = '50%'"));
        assert!(!bounds("memory_max = '2M'\nio_weight = 10"));
        assert!(bounds("memory_max = '2M'\ncpu_weight = 10"));
    }

    /// Before Linux 6.12 the kernel keeps the peak for good.
    #[test]
    fn a_group_serves_once_where_its_peak_cannot_be_forgotten() {
        let directory = fake(&USED);
        let serves = || {
            let mut group = Cgroup::open(directory.path(), &Controller::ALL.into()).unwrap();
            let usage = group.end().unwrap();
            group.renew(&usage)
        };
        assert!(serves());
        let peak = directory.path().join("memory.peak");
        fs::remove_file(&peak).unwrap();
        // Nobody can write to that.
        symlink("/proc/uptime", &peak).unwrap();
        assert!(!serves());
    }

    #[test]
    fn processor_time_is_counted_from_one_command_to_the_next() {
        let (directory, mut group) = empty();
        let mut used = |all: u64| {
            let line = format!("usage_usec {all}\n");
            fs::write(directory.path().join("cpu.stat"), line).unwrap();
            let usage = group.end().unwrap();
            assert!(group.renew(&usage));
            usage.cpu_us
        };
        assert_eq!([17, 20, 20, 90].map(&mut used), [17, 3, 0, 70].map(Some));
    }

    #[test]
    fn a_group_with_limits_serves_no_others() {
        let (_directory, mut group) = empty();
        let (some, others) = (limits("tasks_max = 3"), limits("tasks_max = 4"));
        assert!(group.serves(&some) && group.serves(&others));
        group.limits = Some(some.clone());
        assert!(group.serves(&some) && !group.serves(&others));
    }

    #[test]
    fn a_group_that_has_not_the_file_of_a_limit_is_refused() {
        let directory = fake(&[("cgroup.events", "")]);
        let mut group = Cgroup::open(directory.path(), &Controller::ALL.into()).unwrap();
        group.path = directory.path().join("gone");
        let error = group.bound(limits("cpu_quota = '50%'")).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot limit cgroup"),
            "{error}"
        );
    }
}
