//! A control group of its own for each command, cgroups(7): it counts and bounds
//! the whole process tree, and `cgroup.kill` ends all of it at once.
//!
//! A group that was killed is never used again: several kernels kill at birth
//! whatever is later cloned into it.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use policy::Profile;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
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
    /// `memory.max` and friends exist.
    memory: bool,
    /// `pids.max` exists.
    pids: bool,
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
    /// Makes the directory below this process's own group, with the memory and
    /// pids controllers where the host delegates them.
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
        let controllers =
            fs::read_to_string(path.join("cgroup.subtree_control")).unwrap_or_default();
        let has = |name| {
            controllers
                .split_whitespace()
                .any(|controller| controller == name)
        };
        Ok(Self {
            memory: has("memory"),
            pids: has("pids"),
            owner: Pid::this(),
            path,
        })
    }

    /// A fresh group for the next command of `lane`, bounded as `profile` says.
    pub(crate) fn create(
        &self,
        lane: Pid,
        number: u64,
        profile: &Profile,
    ) -> Result<Cgroup, CgroupError> {
        let group = self.group(&format!("{lane}-{number}"))?;
        if self.memory {
            group.set("memory.max", profile.memory_max)?;
            group.set("memory.oom.group", 1)?;
            if group.path.join("memory.swap.max").exists() {
                group.set("memory.swap.max", 0)?;
            }
        }
        if self.pids {
            group.set("pids.max", profile.tasks_max)?;
        }
        Ok(group)
    }

    /// A group without bounds, to try what the kernel allows.
    pub(super) fn probe(&self) -> Result<Cgroup, CgroupError> {
        self.group("probe")
    }

    fn group(&self, name: &str) -> Result<Cgroup, CgroupError> {
        let path = self.path.join(name);
        fs::create_dir(&path).map_err(failed("make", &path))?;
        Ok(Cgroup {
            directory: File::open(&path).map_err(failed("open", &path))?,
            path,
        })
    }

    /// Whether the kernel counts tasks here, so that `RLIMIT_NPROC` need not.
    pub(crate) fn counts_tasks(&self) -> bool {
        self.pids
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

/// The group of one command.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
    directory: File,
}

/// What a whole tree used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Processor time in microseconds, where the kernel tells.
    pub cpu_us: Option<u64>,
    /// Largest memory in bytes, where the kernel tells.
    pub memory_peak: Option<u64>,
}

impl Cgroup {
    /// For `CLONE_INTO_CGROUP`.
    pub(super) fn directory(&self) -> std::os::fd::BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Kills whatever is left in the group, removes it, and tells what it used.
    pub(super) fn end(self) -> Result<Usage, CgroupError> {
        // Processes that are left would go on using.
        kill(&self.path).map_err(failed("kill", &self.path))?;
        let cpu = fs::read_to_string(self.path.join("cpu.stat")).unwrap_or_default();
        let peak = fs::read_to_string(self.path.join("memory.peak")).unwrap_or_default();
        remove(&self.path).map_err(failed("remove", &self.path))?;
        let cpu_us = cpu
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok());
        Ok(Usage {
            cpu_us,
            memory_peak: peak.trim().parse().ok(),
        })
    }

    fn set(&self, file: &str, value: u64) -> Result<(), CgroupError> {
        let path = self.path.join(file);
        fs::write(&path, value.to_string()).map_err(failed("limit", &path))
    }
}

/// This process's group in the cgroup v2 hierarchy, as a directory.
fn own_group() -> io::Result<PathBuf> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "no cgroup v2 hierarchy is mounted");
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    // proc_pid_mountinfo(5): … (4) root (5) mount point … - type …
    let mount = mounts.lines().find_map(|line| {
        let (fields, rest) = line.split_once(" - ")?;
        rest.starts_with("cgroup2 ")
            .then(|| fields.split(' ').nth(4))
            .flatten()
    });
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    Ok(Path::new(mount.ok_or_else(missing)?).join(group.ok_or_else(missing)?))
}

/// Best effort: where a controller cannot be had, resource limits hold alone.
fn enable_controllers(own: &Path, below: &[&Path]) {
    let enable = |group: &Path| fs::write(group.join("cgroup.subtree_control"), "+memory +pids");
    // A group whose children have controllers has no processes of its own, but the root.
    let enabled = enable(own).or_else(|_| step_aside(own).and_then(|()| enable(own)));
    let _rlimits_hold = enabled.and_then(|()| below.iter().try_for_each(|group| enable(group)));
}

/// Moves this process into a child of its group, as a delegated unit must.
fn step_aside(own: &Path) -> io::Result<()> {
    if !fs::read_to_string(own.join("cgroup.controllers"))?.contains("pids") {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let aside = own.join("mini-mcp.main");
    fs::create_dir_all(&aside)?;
    fs::write(aside.join("cgroup.procs"), "0")
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
            children(&path).iter().for_each(|group| drop(remove(group)));
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

/// Kills until the group can be removed.
fn remove(path: &Path) -> io::Result<()> {
    loop {
        match fs::remove_dir(path) {
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => kill(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => return result,
        }
    }
}

/// Kills every process in the group and waits until there is none.
fn kill(path: &Path) -> io::Result<()> {
    let events = File::open(path.join("cgroup.events"))?;
    while is_populated(&events)? {
        fs::write(path.join("cgroup.kill"), "1")?;
        // The kernel reports a change of `populated` as an exceptional condition.
        let mut descriptors = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
        match poll(&mut descriptors, PollTimeout::from(100_u8)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn is_populated(events: &File) -> io::Result<bool> {
    let mut buffer = [0; 64];
    let length = std::os::unix::fs::FileExt::read_at(events, &mut buffer, 0)?;
    Ok(buffer
        .get(..length)
        .unwrap_or_default()
        .starts_with(b"populated 1"))
}
