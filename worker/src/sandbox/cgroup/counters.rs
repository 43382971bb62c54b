//! What the kernel counts in the group of a command, cgroup-v2.rst of the kernel, and what
//! of that is left for the next one.

use policy::Controller;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a whole tree used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Processor time in microseconds, where the kernel tells.
    pub cpu_us: Option<u64>,
    /// Largest memory in bytes, where the kernel tells.
    pub memory_peak: Option<u64>,
    /// How many processes were killed because there was no more memory, where the kernel
    /// tells.
    pub memory_kills: Option<u64>,
    /// How many tasks were refused, where the kernel tells.
    pub tasks_refused: Option<u64>,
    /// Whether something was left that had to be killed.
    pub killed: bool,
}

/// What the kernel counts in a group; files of controllers that are not there say nothing.
#[derive(Debug)]
pub(super) struct Counters {
    /// `cpu.stat`.
    cpu: Option<File>,
    /// What of that others used before, in microseconds.
    cpu_before: u64,
    /// `memory.peak`.
    memory_peak: Option<File>,
    /// `memory.events`.
    memory: Option<File>,
    /// `pids.events`.
    pids: Option<File>,
    /// Where it cannot be told nothing comes after.
    left: Option<Left>,
}

/// What is left of a command that has ended; of a controller that is not there, nothing.
#[derive(Debug)]
struct Left {
    /// `memory.current`.
    memory: Option<File>,
    /// `pids.current`.
    tasks: Option<File>,
}

impl Left {
    /// Which part of its memory a group may hold still when the next command comes. Mostly
    /// that is pages of files, which the kernel gives up before anything else.
    const MEMORY: u64 = 64;

    fn open(path: &Path, controllers: &BTreeSet<Controller>) -> io::Result<Self> {
        let file = |one, name| {
            let there = controllers.contains(&one);
            there.then(|| File::open(path.join(name))).transpose()
        };
        Ok(Self {
            memory: file(Controller::Memory, "memory.current")?,
            tasks: file(Controller::Pids, "pids.current")?,
        })
    }

    /// Whether it is nothing to speak of where memory is bounded by `least` bytes.
    fn is_little(&self, least: u64) -> bool {
        let at_most = |file: &Option<File>, most| match file {
            None => true,
            Some(_) => number(file).is_some_and(|number| number <= most),
        };
        at_most(&self.memory, least / Self::MEMORY) && at_most(&self.tasks, 0)
    }
}

impl Counters {
    /// Those of the group at `path`.
    pub(super) fn open(path: &Path, controllers: &BTreeSet<Controller>) -> Self {
        let file = |name| File::open(path.join(name)).ok();
        let count = |one, name| controllers.contains(&one).then(|| file(name)).flatten();
        let peak = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path.join("memory.peak"));
        let memory = count(Controller::Memory, "memory.events");
        let pids = count(Controller::Pids, "pids.events");
        let told = |one, file: &Option<File>| file.is_some() || !controllers.contains(&one);
        let all = told(Controller::Memory, &memory) && told(Controller::Pids, &pids);
        Self {
            cpu: file("cpu.stat"),
            cpu_before: 0,
            memory_peak: peak
                .ok()
                .or_else(|| count(Controller::Memory, "memory.peak")),
            memory,
            pids,
            left: Left::open(path, controllers).ok().filter(|_| all),
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let cpu_us = counted(&text(&self.cpu), "usage_usec");
        Usage {
            cpu_us: cpu_us.map(|all| all.saturating_sub(self.cpu_before)),
            memory_peak: number(&self.memory_peak),
            memory_kills: counted(&text(&self.memory), "oom_kill"),
            tasks_refused: counted(&text(&self.pids), "max"),
            killed: false,
        }
    }

    /// Counts anew after `usage`, unless that cannot be told, something was stopped, or
    /// more is left than may be where memory is bounded by `least` bytes.
    pub(super) fn renew(&mut self, usage: &Usage, least: u64) -> bool {
        let stopped = |file: &Option<File>, count| file.is_some() && count != Some(0);
        if stopped(&self.memory, usage.memory_kills)
            || stopped(&self.pids, usage.tasks_refused)
            || self.cpu.is_some() && usage.cpu_us.is_none()
        {
            return false;
        }
        let used = usage.cpu_us.unwrap_or_default();
        self.cpu_before = self.cpu_before.saturating_add(used);
        // Since Linux 6.12 writing to it has the kernel begin anew, for this open file.
        let anew = |file: &File| file.write_at(b"0", 0).is_ok();
        self.left.as_ref().is_some_and(|left| left.is_little(least))
            && self.memory_peak.as_ref().is_none_or(anew)
    }
}

/// What stands in a file, if it is there and can be read.
fn text(file: &Option<File>) -> String {
    let text = file.as_ref().and_then(|file| beginning(file).ok());
    text.unwrap_or_default()
}

fn number(file: &Option<File>) -> Option<u64> {
    text(file).trim().parse().ok()
}

/// The number of `name` in a file of lines `NAME NUMBER`.
fn counted(lines: &str, name: &str) -> Option<u64> {
    let mut words = lines.lines().filter_map(|line| line.split_once(' '));
    let (_, number) = words.find(|(word, _)| *word == name)?;
    number.trim().parse().ok()
}

/// The first bytes of a file of a group, where all stands that is asked for.
pub(super) fn beginning(file: &File) -> io::Result<String> {
    let mut buffer = [0; 256];
    let length = FileExt::read_at(file, &mut buffer, 0)?;
    Ok(String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned())
}
