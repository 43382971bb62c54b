//! Processor time and memory of the commands that run, from /proc: the worker need not
//! look, proc_pid_stat(5).

use nix::unistd::{SysconfVar, sysconf};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// What a command and everything that it started has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processor time so far.
    pub(super) cpu: Duration,
    /// Resident memory now, in bytes; what is shared counts for each.
    pub(super) memory: u64,
}

/// A process of the machine.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// In clock ticks, with that of children that have ended.
    ticks: u64,
    pages: u64,
}

/// What the children of each of `lanes` use, which must be children of `worker`: else
/// they are processes of another name space.
pub(super) fn usage(worker: u32, lanes: &[u32]) -> BTreeMap<u32, Usage> {
    if lanes.is_empty() {
        return BTreeMap::new();
    }
    let processes = processes();
    let is_lane = |lane: &u32| processes.get(lane).is_some_and(|one| one.parent == worker);
    let lanes: Vec<u32> = lanes.iter().copied().filter(is_lane).collect();
    let mut usage: BTreeMap<u32, Usage> =
        lanes.iter().map(|lane| (*lane, Usage::default())).collect();
    let (second, page) = (clock(SysconfVar::CLK_TCK), clock(SysconfVar::PAGE_SIZE));
    for (pid, process) in &processes {
        let lane = lane_of(*pid, &lanes, &processes);
        if let Some(usage) = lane.and_then(|lane| usage.get_mut(&lane)) {
            usage.cpu += Duration::from_millis(process.ticks.saturating_mul(1000) / second);
            usage.memory = usage
                .memory
                .saturating_add(process.pages.saturating_mul(page));
        }
    }
    usage
}

/// The lane that `pid` descends from.
fn lane_of(pid: u32, lanes: &[u32], processes: &BTreeMap<u32, Process>) -> Option<u32> {
    let mut parent = processes.get(&pid)?.parent;
    // Processes that came and went while they were read could make a circle.
    for _ in 0..256 {
        if lanes.contains(&parent) {
            return Some(parent);
        }
        parent = processes.get(&parent)?.parent;
    }
    None
}

fn processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let read = |pid: u32| {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, process(&String::from_utf8_lossy(&stat))?))
    };
    pids.filter_map(read).collect()
}

/// What stands in a `stat`. The name of the program may hold anything, brackets too.
fn process(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Numbered from 1 in the manual, where the state is the third.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = [14, 15, 16, 17].map(|field| number(field).unwrap_or_default());
    Some(Process {
        parent: u32::try_from(number(4)?).ok()?,
        ticks: ticks.iter().sum(),
        pages: number(24)?,
    })
}

fn clock(variable: SysconfVar) -> u64 {
    let value = sysconf(variable).ok().flatten();
    value
        .and_then(|value| u64::try_from(value).ok())
        .unwrap_or(1)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_no_field() {
        let stat = "7 (a) b) (c) S 5 7 7 0 -1 4194304 100 0 0 0 3 4 1 2 20 0 1 0 99 1000 25 18446";
        let wanted = Process {
            parent: 5,
            ticks: 10,
            pages: 25,
        };
        assert_eq!(process(stat), Some(wanted));
        assert_eq!(process("7 (a"), None);
    }

    #[test]
    fn this_process_uses_something_and_is_its_parents() {
        let own = std::process::id();
        let processes = processes();
        let parent = processes.get(&own).unwrap().parent;
        let grandparent = processes.get(&parent).unwrap().parent;
        let usage = usage(grandparent, &[parent]);
        assert!(usage.get(&parent).unwrap().memory > 0);
        assert!(super::usage(own, &[parent]).is_empty());
    }
}
