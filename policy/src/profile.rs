//! Profiles: named bundles of restrictions, resolved and with defaults filled in.

use crate::{
    Capability, CgroupLimits, Containment, Isolation, Network, ProcessLimits, Scheduling,
    SystemCalls,
};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// [`Profile::timeout_stop`] where the policy says nothing.
pub(crate) const TIMEOUT_STOP: Duration = Duration::from_secs(2);

/// What a command that runs under this profile may use. Every field is final:
/// defaults are applied and `${…}` is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// Name in the policy, `[profile.NAME]`.
    pub name: String,
    /// Files and trees it may read.
    pub read: Vec<PathRule>,
    /// Files and trees it may read and write.
    pub write: Vec<PathRule>,
    /// Files and trees it may execute, besides the program of the tool itself.
    pub execute: Vec<PathRule>,
    /// Whom it runs as.
    pub run_as: RunAs,
    /// Exactly these supplementary groups; `None` for the caller's own, and for a
    /// fixed user for none.
    pub supplementary_groups: Option<Vec<Group>>,
    /// Exactly these capabilities.
    pub capabilities: BTreeSet<Capability>,
    /// Permission bits that files it makes do not get, umask(2).
    pub umask: u32,
    /// Wall time until the whole process tree is asked to end, with `SIGTERM`.
    pub timeout: Duration,
    /// Wall time from then until what is left of it is killed.
    pub timeout_stop: Duration,
    /// Memory of all processes together, in bytes; without a cgroup controller,
    /// writable private memory of each process.
    pub memory_max: u64,
    /// Processes and threads together.
    pub tasks_max: u64,
    /// Size of any file written, in bytes.
    pub limit_fsize: u64,
    /// Open descriptors of each process.
    pub limit_nofile: u64,
    /// Further limits of each process.
    pub limits: ProcessLimits,
    /// How it stands behind other processes.
    pub scheduling: Scheduling,
    /// What only a cgroup can hold.
    pub cgroup: CgroupLimits,
    /// Which system calls it may make.
    pub system_calls: SystemCalls,
    /// Output kept of each stream, half of it head and half tail, in bytes.
    pub output_max: u64,
    /// Which network the command reaches.
    pub network: Network,
    /// Unix sockets that it may connect to by name.
    pub unix_sockets: Vec<PathRule>,
    /// What of the host it does not even see.
    pub isolation: Isolation,
    /// Oldest Landlock ABI to accept; see landlock(7).
    pub minimum_landlock: u32,
    /// Whether its standard streams are a terminal of its own.
    pub tty: bool,
    /// The weakest way of holding its processes to accept.
    pub minimum_containment: Containment,
    /// Directory the command starts in.
    pub working_directory: PathBuf,
    /// The whole environment of the command, sorted by name.
    pub environment: Vec<(String, String)>,
}

/// A file or tree that a profile opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRule {
    /// Absolute path, normalised: no `.`, no `..`, no doubled or final slash.
    pub path: PathBuf,
    /// Written with a leading `-`: when the path does not exist, there is no rule.
    pub optional: bool,
}

/// Whom a command runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunAs {
    /// The caller, with the user, group and supplementary groups that the kernel proved.
    Caller,
    /// A user of the account database, with the primary group and no other.
    User {
        /// Name in the policy.
        name: String,
        /// User id; 0 only when `name` is `root`.
        uid: u32,
        /// Primary group id.
        gid: u32,
    },
    /// A user and a group that only this run has: `dynamic_user`.
    Dynamic,
}

/// A group of the account database, group(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name in the policy.
    pub name: String,
    /// Group id.
    pub gid: u32,
}
