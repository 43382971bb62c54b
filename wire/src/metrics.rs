//! What the worker has counted and measured: numbers, of which the supervisor's program
//! makes text.

use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets of [`StageTimes`], in microseconds; a last bucket has no
/// bound.
pub const BUCKETS_US: [u64; 20] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    1_800_000_000,
];

/// Everything since the worker began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// Version of the worker.
    pub version: String,
    /// Since it began, in milliseconds.
    pub uptime_ms: u64,
    /// Calls that have come to their end.
    pub calls: Vec<Calls>,
    /// Denials, by their code.
    pub denials: Vec<Counted>,
    /// What became of requests for approval, by a word.
    pub approvals: Vec<Counted>,
    /// How long calls took, by stage.
    pub stages: Vec<StageTimes>,
    /// Connections of the supervisor.
    pub lanes: u32,
    /// Most there can be.
    pub lanes_max: u32,
    /// Commands that run.
    pub running: u32,
    /// Requests that wait for an administrator.
    pub pending: u32,
    /// Approvals that stand for further calls.
    pub standing: u32,
    /// Policies that came into force, the first one included.
    pub policy_loads: u64,
    /// Policies that could not be used.
    pub policy_failures: u64,
    /// Whether the last one could not, so that the former is in force.
    pub policy_kept: bool,
    /// Since the policy in force is so, in milliseconds.
    pub policy_age_ms: u64,
    /// The Landlock ABI of the kernel; 0 for none.
    pub landlock_abi: u32,
    /// What the sandbox would use and does not have here.
    pub missing: Vec<String>,
    /// Profiles that refuse every call here.
    pub refusing: u32,
    /// The audit trail.
    pub audit: AuditNumbers,
    /// The worker's first process.
    pub process: Process,
    /// Calls that wait for a place.
    pub queued: u32,
    /// What nobody may do on a socket of the worker, by who did it.
    pub violations: Vec<Counted>,
    /// Events that got no line in the trail, because there were many of their kind.
    pub left_out: Vec<Counted>,
    /// Reports whose answer was put off, because there were many.
    pub slowed: u64,
}

/// Calls of one tool that had one ending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// The tool; `other` for what is none, or has no room.
    pub tool: String,
    /// `allow`, `approve`, `deny` or `refuse`.
    pub decision: String,
    /// What became of it.
    pub outcome: String,
    /// How many.
    pub count: u64,
}

/// How many there were of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Of what.
    pub word: String,
    /// How many.
    pub count: u64,
}

/// A part of the life of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Proving who calls and asking the policy.
    Decide,
    /// Waiting for an administrator.
    Approve,
    /// Waiting for a place among running commands.
    Queue,
    /// Opening files, and having the start admitted and recorded; the process is made
    /// meanwhile.
    Admit,
    /// From there until the program is executed.
    Launch,
    /// From there until its process tree is gone.
    Run,
    /// All of it.
    Total,
}

impl Stage {
    /// Each of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Decide,
        Self::Approve,
        Self::Queue,
        Self::Admit,
        Self::Launch,
        Self::Run,
        Self::Total,
    ];

    /// Word for people and programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Approve => "approve",
            Self::Queue => "queue",
            Self::Admit => "admit",
            Self::Launch => "launch",
            Self::Run => "run",
            Self::Total => "total",
        }
    }
}

/// How long calls were in one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTimes {
    /// Which.
    pub stage: Stage,
    /// How many were within each of [`BUCKETS_US`] and not within the one before, and
    /// last, beyond all.
    pub counts: Vec<u64>,
    /// All of their time, in microseconds.
    pub sum_us: u64,
}

/// The audit trail in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditNumbers {
    /// Number of the last line.
    pub lines: u64,
    /// Size of the file, in bytes; 0 of what is none.
    pub bytes: u64,
    /// Lines after the last signature.
    pub unsigned: u32,
    /// Since the first of them was written, in milliseconds.
    pub unsigned_age_ms: u64,
    /// Whether the last line was written.
    pub writable: bool,
    /// Lines that could not be written.
    pub failures: u64,
    /// Whether it was whole when the worker began.
    pub whole: bool,
}

/// What a process takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Processor time, user and system, in microseconds.
    pub cpu_us: u64,
    /// Resident memory, in bytes.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: u32,
}
