//! The audit trail: one JSON object a line, written before the effect.
//!
//! Only the worker's first process writes it; lanes send it [`Entry`]s and wait
//! for the answer. What cannot be recorded is not done.

mod approval;
mod file;
mod history;
mod hmac;
pub(crate) mod json;
mod key;
mod line;
mod log;
mod moment;

pub(crate) use approval::Approving;
pub(crate) use json::hexadecimal;
pub(crate) use log::{AuditError, Log};
pub(crate) use moment::since_boot;

use crate::admission::Bound;
use crate::metrics::Times;
use policy::Proof;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use wire::{Given, Value};

/// Where the trail is kept, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// The file that lines are appended to.
    pub trail: PathBuf,
    /// The file of the key; beside the trail unless told.
    pub key: Option<PathBuf>,
    /// When a line is on the disk.
    pub durable: Durable,
    /// Size in bytes at which the file is turned; 0 for never.
    pub turn_at: u64,
    /// When another worker writes to that file, one beside it will do.
    pub may_be_another: bool,
}

/// When a line is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Before what it tells is done.
    Always,
    /// Within seconds.
    Interval,
}

/// What happened, as a lane tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// An allowed command is about to run. Answered with the name of the run.
    Start {
        /// The call.
        call: Call,
        /// The principal that the caller was matched as.
        principal: String,
        /// The rule that allows it.
        rule: String,
        /// The exact argument vector.
        argv: Vec<Word>,
        /// SHA-256 of the restrictions it runs under.
        sandbox: [u8; 32],
        /// The directory it starts in, where an argument says so.
        directory: Option<String>,
        /// What it reads, if it is not nothing.
        stdin: Option<Input>,
        /// Whose user it runs as.
        user: RunUser,
        /// What must leave room for it; not written down.
        bounds: Vec<Bound>,
        /// How long it may wait until a place is free; not written down.
        patience: Duration,
        /// Whether what it prints must be recorded; not written down.
        record: bool,
    },
    /// The run that was started last has ended.
    End(Ending),
    /// What the supervisor says that the run printed which ended last.
    Output(wire::Output),
    /// The policy does not allow the call.
    Deny {
        /// The call.
        call: Call,
        /// Every principal that the caller matches.
        principals: Vec<String>,
        /// Whose decision it was.
        by: Decider,
        /// Why.
        denial: wire::Denial,
    },
    /// A key was presented that is none; not every one of many is recorded.
    WrongKey {
        /// The request that it came with.
        correlation: wire::Correlation,
        /// Where it was presented, as the supervisor says.
        address: IpAddr,
        /// How many before it were not recorded; the first process counts.
        left_out: u64,
    },
    /// Somebody did on a socket what nobody may; not every one of many is recorded.
    Violation {
        /// Who, and where.
        offender: Offender,
        /// What, in one sentence.
        reason: String,
        /// How many before it were not recorded; the first process counts.
        left_out: u64,
    },
    /// The call is allowed, or its caller unknown, but it could not be carried out. Of
    /// unknown callers not every one of many is recorded.
    Refuse {
        /// The call.
        call: Call,
        /// Why.
        failure: wire::Failure,
        /// How many before it were not recorded; the first process counts.
        left_out: u64,
    },
    /// What was recorded of the run that is about to end.
    Recorded(Recorded),
    /// A key was presented that is valid; not every time is recorded.
    KeyUse {
        /// The request that it came with.
        correlation: wire::Correlation,
        /// Its name.
        name: String,
        /// Where it was presented, as the supervisor says.
        address: IpAddr,
        /// How many before it were not recorded; the first process counts.
        left_out: u64,
    },
    /// A client has attached itself. Answered with [`Note::Attached`].
    Attach(Attachment),
    /// The client known by this name is gone.
    Detach(String),
}

/// A client that has attached itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attachment {
    /// The request that shows it.
    pub correlation: wire::Correlation,
    /// Who it is.
    pub caller: Proven,
    /// Every principal that he matches.
    pub principals: Vec<String>,
    /// What his client says of itself.
    pub claim: Option<wire::Claim>,
    /// How it speaks.
    pub speech: wire::Speech,
    /// What it is known by; the first process names it.
    pub name: String,
    /// How many of his before it were not recorded; the first process counts.
    pub left_out: u64,
}

/// What was recorded of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// All that it printed there, or as far as it could be recorded.
    pub stdout: RecordedStream,
    /// The same.
    pub stderr: RecordedStream,
    /// Why that is not all.
    pub failure: Option<String>,
}

/// What was recorded of a stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecordedStream {
    /// Of all its bytes; the name of its file.
    pub sha256: [u8; 32],
    /// How many there are.
    pub bytes: u64,
}

/// Who does on a socket of the worker what nobody may; users by their id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Offender {
    /// The supervisor, on its own.
    Supervisor,
    /// Somebody who may not connect there.
    NoSupervisor(u32),
    /// An administrator, on that of administrators.
    Administrator(u32),
    /// Somebody who may not connect there.
    NoAdministrator(u32),
}

/// Whose user a command runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RunUser {
    /// The one that the policy says.
    Known,
    /// One that nobody else has: the first process is to give it.
    Fresh,
    /// This one, which nobody else has.
    Given(u32),
}

/// A run that may start.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Began {
    /// Its name.
    pub run: String,
    /// The user that is its own, where it wants one.
    pub user: Option<u32>,
    /// How many bytes may be recorded in the two files that come along.
    pub record_max: u64,
    /// What another lane has counted last.
    pub counted: Option<Counted>,
}

/// How many tasks a user has, as one lane tells the others, since to count them takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    /// The user.
    pub uid: u32,
    /// How many.
    pub tasks: u64,
    /// For how long that is good yet.
    pub good_for: Duration,
}

impl Entry {
    /// The denial of a call that was about to start; `None` of anything else.
    pub(crate) fn denied(&self, denial: wire::Denial) -> Option<Self> {
        let Self::Start {
            call, principal, ..
        } = self
        else {
            return None;
        };
        Some(Self::Deny {
            call: call.clone(),
            principals: vec![principal.clone()],
            by: Decider::Worker,
            denial,
        })
    }

    /// The refusal of a call that was about to start; `None` of anything else.
    pub(crate) fn refused(&self, failure: wire::Failure) -> Option<Self> {
        let Self::Start { call, .. } = self else {
            return None;
        };
        let call = call.clone();
        Some(Self::Refuse {
            call,
            failure,
            left_out: 0,
        })
    }
}

/// Who called what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    /// What it is known by.
    pub correlation: wire::Correlation,
    /// The policy it was decided under.
    pub policy: wire::PolicyDigest,
    /// Who it was, where he could be attested.
    pub caller: Option<Proven>,
    /// What his client says of itself.
    pub claim: Option<wire::Claim>,
    /// The approval that it waits for, or runs by.
    pub approval: Option<String>,
    /// The tool.
    pub tool: String,
    /// The arguments as the client gave them, where they are known.
    pub arguments: Option<Vec<Told>>,
    /// His caller does not wait for it.
    pub background: bool,
    /// How long it has waited for a place; the first process counts.
    pub queued: Option<Duration>,
    /// The policy wants the user at the client to confirm it, and the supervisor says
    /// that he has.
    pub confirmed: bool,
}

/// Who a caller is, for certain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Proven {
    /// A Unix user.
    Peer {
        /// His user id.
        uid: u32,
        /// His group id.
        gid: u32,
        /// His supplementary groups.
        groups: Vec<u32>,
    },
    /// Whoever has this key.
    Key {
        /// Its name; the key itself is nowhere.
        name: String,
        /// Where he connects from, as the supervisor says.
        address: IpAddr,
    },
}

impl From<&Proof> for Proven {
    fn from(proof: &Proof) -> Self {
        match proof {
            Proof::Peer(peer) => Self::Peer {
                uid: peer.uid,
                gid: peer.gid,
                groups: peer.groups.clone(),
            },
            Proof::Key(key) => Self::Key {
                name: key.name.clone(),
                address: key.address,
            },
        }
    }
}

/// An argument, as the trail tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Told {
    /// As it was given.
    Given(wire::Argument),
    /// Of a text that is the standard input only the digest.
    Digest {
        name: String,
        sha256: [u8; 32],
        bytes: u64,
    },
    /// Of what is secret a digest that needs the key, made when it is written.
    Secret(wire::Argument),
}

impl Told {
    /// `argument` of `tool`, where there is such a tool.
    pub(crate) fn new(argument: wire::Argument, tool: Option<&policy::Tool>) -> Self {
        let stdin = tool.and_then(policy::Tool::stdin);
        let mut parameters = tool.map_or(&[][..], policy::Tool::parameters).iter();
        if parameters.any(|one| one.secret() && one.name() == argument.name) {
            return Self::Secret(argument);
        }
        match &argument.value {
            Given::One(Value::Text(text)) if stdin == Some(&argument.name) => Self::Digest {
                sha256: Sha256::digest(text).into(),
                bytes: text.len() as u64,
                name: argument.name,
            },
            Given::One(_) | Given::Many(_) => Self::Given(argument),
        }
    }
}

/// An element of an argument vector, as the trail tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Word {
    /// As it is.
    Plain(String),
    /// What stands before a secret, and the secret.
    Secret(String, String),
}

/// Most bytes of an [`Ask`]: a call stands there as argument vector and as arguments.
pub(crate) const ASK_MAX: usize = 3 * wire::FRAME_MAX;

/// What a command reads as its standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Input {
    /// This file.
    File(String),
    /// A text with this SHA-256, that long.
    Text { sha256: [u8; 32], bytes: u64 },
    /// A text that is secret.
    Secret(String),
}

/// Which process decided.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Decider {
    /// The supervisor, which reported it.
    Supervisor,
    /// The worker itself.
    Worker,
}

/// How a run ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// The command was executed.
    Finished(wire::Outcome),
    /// It could not be executed, or its lane was lost.
    Failed(wire::Failure),
}

/// A call that cannot run without an approval, as a lane tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// The call.
    pub call: Call,
    /// The principal that the caller was matched as.
    pub principal: String,
    /// The rule that asks.
    pub rule: String,
    /// The exact argument vector.
    pub argv: Vec<Word>,
    /// What the command would read, for the trail.
    pub stdin: Option<Input>,
    /// The same, for an administrator.
    pub reads: Option<wire::Shown>,
    /// The directory it would start in, where an argument says so.
    pub directory: Option<String>,
    /// What an approval of exactly this call covers.
    pub exact: [u8; 32],
    /// How long it waits.
    pub timeout: Duration,
    /// What must leave room for it.
    pub bounds: Vec<Bound>,
    /// How long it may wait for a place, once it is approved.
    pub patience: Duration,
}

/// Why a lane no longer waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Left {
    /// Nobody has answered in time.
    Expired,
    /// The supervisor withdrew it for its caller, or hung up.
    Cancelled,
    /// The caller has gone, or is no longer known.
    CallerGone,
    /// The policy has changed.
    Reloaded,
    /// The worker ends.
    Stopped,
    /// The lane was lost.
    Lost,
}

/// What a lane asks the first process for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Ask<E> {
    /// To write an [`Entry`], by reference or by value.
    Record(E),
    /// To load the policy again. Answered when the one with this digest is in force.
    Reload(wire::PolicyDigest),
    /// To have a call approved. Answered at once with [`Note::Waiting`],
    /// [`Note::Approved`], [`Note::Denied`], [`Note::Failed`] or [`Note::Stale`]; what
    /// waits gets [`Note::Approved`] or [`Note::Denied`] later.
    Approval(Box<Waiting>),
    /// To let go what waits. Answered with [`Note::Left`], or [`Note::Denied`] when its
    /// time is up; nothing more comes of it. Where it waited for a place, [`Note::Left`]
    /// is the last answer, whatever comes before.
    Leave(Left),
    /// To write the end of a run, which took so long, and to tell the supervisor of it over
    /// the lane's connection: what it hears of stands in the trail. The lane is not answered.
    /// With what it has counted itself of late.
    Ended(Box<Ending>, Times, Option<Counted>),
    /// To end: the supervisor is of a newer release, which speaks this version of the
    /// wire. Not answered.
    Outdated(u16),
}

/// What the first process tells a lane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Note {
    /// The entry stands in the trail; for [`Entry::Start`], the run.
    Recorded(Option<Began>),
    /// A limit leaves no room for the call, which is recorded: nothing may run.
    Denied(wire::Denial),
    /// It could not be written: nothing may run.
    Failed(String),
    /// The call waits for an administrator, who knows it by this name.
    Waiting(String),
    /// It is approved, under this name: what may run is what was asked for.
    Approved(String),
    /// It was decided under another policy than is in force now.
    Stale,
    /// It waits no longer.
    Left,
    /// The call waits until a place is free, and so many are before it: an answer to
    /// [`Entry::Start`], before the one that counts, and once more when that has changed.
    Queued(u32),
    /// The policy has changed: finish what runs, and go.
    Retire,
    /// Stop: kill what runs, record its end, and go.
    Stop,
    /// What the client that has attached itself is known by, where that is recorded.
    Attached(Option<String>),
}
