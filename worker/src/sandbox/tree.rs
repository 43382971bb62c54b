//! Process trees by their parents in /proc: the containment of last resort, for
//! users without cgroups and without namespaces. The process that calls this is
//! a child subreaper, so descendants whose parent died become its own children.

use crate::sys;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Kills every descendant of this process but those in `spared` and theirs, and
/// reaps them, again and again until a walk finds none.
pub(crate) fn kill_descendants(spared: &BTreeSet<Pid>) {
    loop {
        let doomed = descendants(Pid::this(), spared);
        if doomed.is_empty() {
            return;
        }
        for pid in &doomed {
            // A descendant cannot vanish from its number before its parent waits for it;
            // those that become ours are waited for below.
            let _gone = kill(*pid, Signal::SIGKILL);
        }
        for pid in &doomed {
            reap(*pid);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Asks every descendant of this process to end, and lets those continue that are
/// stopped, as systemd does. Who is born meanwhile is not asked.
pub(crate) fn terminate_descendants() {
    for process in known_descendants() {
        for signal in [Signal::SIGTERM, Signal::SIGCONT] {
            let _ended_since = sys::pidfd_send_signal(process.as_fd(), signal);
        }
    }
}

/// The descendants of this process, by descriptors. The relay of a terminal is among
/// them; it blocks what a lane blocks. A process whose parent waits for
/// it gives its number away, perhaps to a stranger: only a number that was a
/// descendant's before and after it was opened is one's.
fn known_descendants() -> Vec<OwnedFd> {
    let nobody = BTreeSet::new();
    let found = descendants(Pid::this(), &nobody);
    let opened: Vec<(Pid, OwnedFd)> = found
        .into_iter()
        .filter_map(|pid| Some((pid, sys::pidfd_open(pid).ok()?)))
        .collect();
    let still = descendants(Pid::this(), &nobody);
    let known = opened.into_iter().filter(|(pid, _)| still.contains(pid));
    known.map(|(_, process)| process).collect()
}

/// Waits for `pid` if it has ended and is a child of ours.
fn reap(pid: Pid) {
    let ended = nix::sys::wait::waitpid(pid, Some(nix::sys::wait::WaitPidFlag::WNOHANG));
    debug_assert!(ended.is_ok() || ended == Err(Errno::ECHILD));
}

/// Waits for every child that has ended, such as an adopted one.
pub(crate) fn reap_ended() -> Vec<(Pid, sys::Ended)> {
    std::iter::from_fn(|| sys::wait(None).ok().flatten()).collect()
}

fn descendants(root: Pid, spared: &BTreeSet<Pid>) -> Vec<Pid> {
    let mut children: BTreeMap<Pid, Vec<Pid>> = BTreeMap::new();
    for (pid, parent) in processes() {
        children.entry(parent).or_default().push(pid);
    }
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            if !spared.contains(&child) {
                found.push(child);
                open.push(child);
            }
        }
    }
    found
}

fn processes() -> impl Iterator<Item = (Pid, Pid)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // proc_pid_stat(5): pid (comm) state ppid …; comm may hold anything, `)` too.
        let (_, rest) = stat.rsplit_once(") ")?;
        let parent: i32 = rest.split(' ').nth(1)?.parse().ok()?;
        Some((Pid::from_raw(pid), Pid::from_raw(parent)))
    })
}
