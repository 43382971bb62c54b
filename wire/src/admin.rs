//! What an administrator and the worker say to each other, on a socket of their own
//! that the supervisor cannot connect to: one question, one answer, one packet each.

use crate::PolicyDigest;
use serde::{Deserialize, Serialize};

/// Version of this vocabulary; the worker answers no other.
pub const ADMIN_VERSION: u16 = 1;

/// A question of an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// [`ADMIN_VERSION`] of the sender.
    pub version: u16,
    /// What is asked.
    pub about: About,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    /// How the worker is.
    Status,
}

/// What the worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Answers [`About::Status`].
    Status(Box<WorkerStatus>),
    /// It speaks this version of the vocabulary, and not that of the question.
    Version(u16),
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
    /// The audit trail.
    pub audit: AuditHead,
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
