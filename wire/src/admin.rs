//! What an administrator and the worker say to each other, on a socket of their own
//! that the supervisor cannot connect to: one question, one answer, one packet each.

use crate::{Metrics, Overview, PolicyDigest};
use serde::{Deserialize, Serialize};

/// Version of this vocabulary; the worker answers no other.
pub const ADMIN_VERSION: u16 = 4;

/// A question of an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// [`ADMIN_VERSION`] of the sender.
    pub version: u16,
    /// What is asked.
    pub about: About,
}

/// Most bytes of requests that one answer tells of, and of the call that one is.
pub const PAGE_MAX: usize = 32 * 1024;

/// What can be asked. All but the first is for whoever may approve calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    /// How the worker is.
    Status,
    /// Which requests wait, the oldest first: those after this one.
    Pending(Option<String>),
    /// Approve a request that waits.
    Approve(Approve),
    /// Deny a request that waits.
    Deny {
        /// Which.
        id: String,
        /// Why, for the caller: one sentence of at most 1024 bytes.
        reason: Option<String>,
    },
    /// Which approvals stand for further calls, in the order in which they were asked
    /// for: those after this one.
    Grants(Option<String>),
    /// Take back an approval that stands for further calls.
    Revoke(String),
    /// What runs, waits and was denied; for root alone.
    Overview,
    /// What the worker has counted and measured since it began.
    Metrics,
}

/// How a request is approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approve {
    /// Which.
    pub id: String,
    /// Which further calls it stands for, and for how many seconds; `None` for this
    /// one call alone.
    pub further: Option<(Covers, u64)>,
}

/// What an approval covers that stands for further calls: always those of the same
/// caller as the same principal, to the same tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Covers {
    /// With exactly the same arguments.
    Exact,
    /// With any arguments that the policy allows.
    Tool,
}

impl Covers {
    /// Word for people and programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Tool => "tool",
        }
    }
}

/// A request that waits for an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What it is known by.
    pub id: String,
    /// Who calls what.
    pub calling: Calling,
    /// What the command would read; absent for nothing.
    pub stdin: Option<Shown>,
    /// The directory it would start in, where an argument says so.
    pub directory: Option<String>,
    /// What the client says of itself; nobody has checked it.
    pub client: Option<String>,
    /// The rule that asks.
    pub rule: String,
    /// Since when it waits, in milliseconds.
    pub waited_ms: u64,
    /// For how long it goes on waiting, in milliseconds.
    pub left_ms: u64,
    /// The policy wants the user at the client to confirm it first, and the supervisor
    /// says that he has. Nobody else can know.
    pub confirmed: bool,
}

/// Who calls what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calling {
    /// The principal that the caller was matched as.
    pub principal: String,
    /// His user id, proven by the kernel; absent for who has a key.
    pub uid: Option<u32>,
    /// The name of his key.
    pub key: Option<String>,
    /// The tool.
    pub tool: String,
    /// The exact argument vector.
    pub argv: Vec<Shown>,
}

/// A text, as an administrator may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// All of it.
    Text(String),
    /// What stands before a secret; the secret is not shown.
    Secret(String),
    /// The file of this name.
    File(String),
}

/// An approval that stands for further calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What it is known by: the request that was approved.
    pub id: String,
    /// The call that was approved.
    pub calling: Calling,
    /// What it covers.
    pub covers: Covers,
    /// Who approved it, by user id.
    pub by: u32,
    /// For how long it still stands, in milliseconds.
    pub left_ms: u64,
    /// How many further calls it has let run.
    pub used: u32,
}

/// What the worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Answers [`About::Status`].
    Status(Box<WorkerStatus>),
    /// Answers [`About::Pending`]: those that there was room for, and whether there are
    /// more.
    Pending(Vec<Asked>, bool),
    /// Answers [`About::Grants`] in the same way.
    Grants(Vec<Standing>, bool),
    /// It is done, and recorded.
    Done,
    /// It is not done, for this reason.
    Refused(String),
    /// It speaks this version of the vocabulary, and not that of the question.
    Version(u16),
    /// Answers [`About::Overview`].
    Overview(Box<Overview>),
    /// Answers [`About::Metrics`].
    Metrics(Box<Metrics>),
}

/// How a worker is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its version.
    pub version: String,
    /// Process id of its first process.
    pub pid: u32,
    /// Since it began, in milliseconds.
    pub uptime_ms: u64,
    /// The policy in force.
    pub policy: PolicyDigest,
    /// Since that is in force, in milliseconds.
    pub policy_age_ms: u64,
    /// Why the files of the policy could not be used that it was to load last.
    pub policy_kept: Option<String>,
    /// The Landlock ABI of the kernel; 0 for none.
    pub landlock_abi: u32,
    /// How process trees are held.
    pub containment: String,
    /// Profiles that refuse every call here, and why.
    pub refusing: Vec<String>,
    /// Connections of the supervisor.
    pub lanes: u32,
    /// Commands that run.
    pub running: u32,
    /// Requests that wait for an administrator.
    pub pending: u32,
    /// The audit trail.
    pub audit: AuditHead,
    /// Calls that wait until a place is free.
    pub queued: u32,
}

/// The end of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The file.
    pub trail: String,
    /// Number of the last line.
    pub seq: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Lines after the last signature.
    pub unsigned: u32,
    /// What was wrong with the trail when the worker began.
    pub finding: Option<String>,
    /// Why the last line could not be written; calls are refused until one can be.
    pub failure: Option<String>,
}
