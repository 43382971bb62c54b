//! What a profile says of resources beyond the limits that every command has.
//! `None` where it says nothing.

use std::collections::BTreeSet;
use std::fmt;

/// Limits of each process, setrlimit(2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessLimits {
    /// Processor time in seconds: `SIGXCPU`, and one second later `SIGKILL`.
    pub cpu: Option<u64>,
    /// Stack, in bytes.
    pub stack: Option<u64>,
    /// Memory that may be locked, in bytes.
    pub memlock: Option<u64>,
    /// Address space, in bytes.
    pub address_space: Option<u64>,
}

/// How a command stands behind others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scheduling {
    /// 0 to 19, nice(2).
    pub nice: Option<u32>,
    /// 0 to 1000, `/proc/PID/oom_score_adj` in proc(5).
    pub oom_score_adjust: Option<u32>,
    /// ioprio_set(2).
    pub io_class: Option<IoClass>,
}

/// Scheduling class of disk access, ioprio_set(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoClass {
    /// Like everybody.
    BestEffort,
    /// When nobody else needs the disk.
    Idle,
}

/// What only a cgroup can hold, for all processes of a command together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CgroupLimits {
    /// Share of one processor, in percent: `cpu.max`.
    pub cpu_quota: Option<u32>,
    /// 1 to 10000, where others have 100: `cpu.weight`.
    pub cpu_weight: Option<u32>,
    /// The same for disks: `io.weight`.
    pub io_weight: Option<u32>,
    /// Memory, in bytes, above which the kernel slows the command down: `memory.high`.
    pub memory_high: Option<u64>,
    /// Swap, in bytes: `memory.swap.max`; none where it is not said.
    pub memory_swap_max: Option<u64>,
    /// Controllers without which nothing runs.
    pub minimum: Option<BTreeSet<Controller>>,
}

/// How the processes of a command are held together, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Containment {
    /// By adopting orphans, and a walk over all processes.
    Subreaper,
    /// By a namespace that ends with its first process, pid_namespaces(7).
    PidNamespace,
    /// By a control group, cgroups(7).
    Cgroup,
}

impl Containment {
    /// What it is called on the command line, in policies and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Subreaper => "subreaper",
            Self::PidNamespace => "pid-namespace",
            Self::Cgroup => "cgroup",
        }
    }
}

/// A controller of cgroups(7), version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// `cpu`.
    Cpu,
    /// `io`.
    Io,
    /// `memory`.
    Memory,
    /// `pids`.
    Pids,
}

impl Controller {
    /// All there are, sorted by name.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Io, Self::Memory, Self::Pids];

    /// What the kernel calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Io => "io",
            Self::Memory => "memory",
            Self::Pids => "pids",
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl CgroupLimits {
    /// The controllers without which these limits do not hold, each with a key
    /// that asks for it.
    #[must_use]
    pub fn needs(&self) -> Vec<(Controller, &'static str)> {
        let minimum = self.minimum.iter().flatten();
        let mut needs: Vec<_> = minimum.map(|one| (*one, "minimum_cgroup")).collect();
        let keys = [
            (self.cpu_quota.is_some(), Controller::Cpu, "cpu_quota"),
            (self.cpu_weight.is_some(), Controller::Cpu, "cpu_weight"),
            (self.io_weight.is_some(), Controller::Io, "io_weight"),
            (
                self.memory_high.is_some(),
                Controller::Memory,
                "memory_high",
            ),
            (
                self.memory_swap_max.is_some(),
                Controller::Memory,
                "memory_swap_max",
            ),
        ];
        let written = keys.into_iter().filter(|(written, ..)| *written);
        needs.extend(written.map(|(_, controller, key)| (controller, key)));
        needs
    }
}
