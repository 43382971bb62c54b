//! What an administrator watches: what runs and waits now, how often what is called,
//! how much of each limit is used, and what was denied lately. It fits one packet: each
//! list tells how many had no room.

use crate::{PolicyDigest, Shown};
use serde::{Deserialize, Serialize};

/// Answers [`About::Overview`](crate::About::Overview).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Process id of the worker's first process.
    pub pid: u32,
    /// Since it began, in milliseconds.
    pub uptime_ms: u64,
    /// The policy in force.
    pub policy: PolicyDigest,
    /// Connections of the supervisor.
    pub lanes: u32,
    /// Calls that were started since the worker began.
    pub started: u64,
    /// Calls that were denied or refused since then.
    pub denied: u64,
    /// Why the audit trail cannot be written, so that every call is refused.
    pub trouble: Option<String>,
    /// The last seconds, the latest last.
    pub seconds: Vec<Second>,
    /// What runs, the oldest first.
    pub running: Listed<Runs>,
    /// What waits for an approval, the oldest first.
    pub waiting: Listed<Waits>,
    /// What waits until a place is free, whose turn comes first first.
    pub queued: Listed<Queues>,
    /// What was called lately, the most frequent first.
    pub rates: Listed<Rate>,
    /// The limits that were met since the policy is in force, the fullest first.
    pub limits: Listed<Used>,
    /// What was denied or refused, the latest first.
    pub denials: Listed<Denied>,
}

/// So many as there was room for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// The first of them.
    pub shown: Vec<T>,
    /// How many more there are.
    pub left_out: u32,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            shown: Vec::new(),
            left_out: 0,
        }
    }
}

impl<T> Listed<T> {
    /// How many there are in all.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shown.len() + self.left_out as usize
    }
}

impl<T: Serialize> Listed<T> {
    /// The first of `all` that fit `room` bytes.
    pub fn fitting(all: impl IntoIterator<Item = T>, mut room: usize) -> Self {
        let mut listed = Self::default();
        for one in all {
            let size = crate::encode(&one).map_or(usize::MAX, |packet| packet.len());
            if listed.left_out > 0 || size > room {
                listed.left_out += 1;
            } else {
                room -= size;
                listed.shown.push(one);
            }
        }
        listed
    }
}

/// Calls of one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// How many were started.
    pub started: u32,
    /// How many were denied or refused.
    pub denied: u32,
}

/// Who calls, cut to what fits a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The principal that he was matched as; empty for none.
    pub principal: String,
    /// His user id, proven by the kernel.
    pub uid: Option<u32>,
    /// The name of his key.
    pub key: Option<String>,
}

/// A command that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// The name of the run.
    pub run: String,
    /// Who calls.
    pub who: Who,
    /// The tool.
    pub tool: String,
    /// The first words of the argument vector.
    pub argv: Vec<Shown>,
    /// How long it has been running, in milliseconds.
    pub since_ms: u64,
    /// Process id of its lane.
    pub lane: u32,
}

/// A call that waits for an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// What it is known by.
    pub id: String,
    /// Who calls.
    pub who: Who,
    /// The tool.
    pub tool: String,
    /// The first words of the argument vector.
    pub argv: Vec<Shown>,
    /// Since when it waits, in milliseconds.
    pub waited_ms: u64,
    /// For how long it goes on waiting, in milliseconds.
    pub left_ms: u64,
}

/// A call that waits until a place is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queues {
    /// Who calls.
    pub who: Who,
    /// The tool.
    pub tool: String,
    /// The first words of the argument vector.
    pub argv: Vec<Shown>,
    /// Since when it waits, in milliseconds.
    pub waited_ms: u64,
    /// For how long it goes on waiting, in milliseconds.
    pub left_ms: u64,
    /// How many calls start before it, if all could start in turn.
    pub ahead: u32,
}

/// The calls of one principal to one tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// The principal; empty for callers that are none.
    pub principal: String,
    /// The tool; empty for all that do not exist.
    pub tool: String,
    /// How many were started in the last ten seconds.
    pub last_10s: u32,
    /// The same of the last minute.
    pub last_60s: u32,
    /// How many were denied or refused in the last minute.
    pub denied_60s: u32,
}

/// How much of a limit is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The part of the policy that sets it.
    pub rule: String,
    /// For whom it counts; empty for everybody together.
    pub whom: String,
    /// How much is used.
    pub used: u32,
    /// How much there is.
    pub most: u32,
    /// In which time; `None` for what runs at once.
    pub window_ms: Option<u64>,
}

/// A call that was denied or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
    /// Who called.
    pub who: Who,
    /// The tool, as he named it.
    pub tool: String,
    /// The word for why.
    pub code: String,
    /// The rule that says so; empty for none.
    pub rule: String,
    /// Why.
    pub reason: String,
}
