//! The messages. Adding, removing or reordering a field or variant changes
//! [`crate::VERSION`].

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// SHA-256 of the policy a message was decided under.
pub type PolicyDigest = [u8; 32];

/// From supervisor to worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// First message of every connection.
    Hello(Hello),
    /// Run a command. Descriptors: the write ends of the pipes for standard
    /// output and standard error, then, unless the worker serves a single user or
    /// the caller presents a key, a duplicate of the client's socket.
    Run(Run),
    /// Record a denial that the supervisor decided by itself. Descriptors: the
    /// client's socket, as for `Run`.
    Report(Report),
    /// Tell whose key this is.
    Identify(Identify),
    /// Load the policy again, and use it if it has this digest.
    Reload(PolicyDigest),
    /// Kill the running command; its `Finished` still follows.
    Cancel,
    /// Record what the command printed that has finished. Has no reply.
    Output(Output),
    /// Record that a client has attached itself. Descriptors: the client's socket, as for
    /// `Run`.
    Attach(Attach),
    /// Record that the client known by this name is gone.
    Detach(String),
}

/// A client that has attached itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// What the request is known by that shows it.
    pub correlation: Correlation,
    /// What the client says of itself.
    pub claim: Option<Claim>,
    /// As in [`Run::key`].
    pub key: Option<Presented>,
    /// How it speaks.
    pub speech: Speech,
}

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speech {
    /// A JSON-RPC message a line, on a connection of its own.
    Lines,
    /// HTTP, in a session that outlives connections.
    Http,
}

impl Speech {
    /// Stable word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Http => "http",
        }
    }
}

/// What a command printed, as the supervisor read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Standard output.
    pub stdout: StreamDigest,
    /// Standard error.
    pub stderr: StreamDigest,
}

/// All of one stream, kept or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDigest {
    /// BLAKE3 of all its bytes.
    pub blake3: [u8; 32],
    /// How many there were.
    pub bytes: u64,
}

/// Opens a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::VERSION`] of the sender.
    pub version: u16,
    /// The policy the supervisor loaded.
    pub policy: PolicyDigest,
}

/// A call that the supervisor's own decision allows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What the call is known by.
    pub correlation: Correlation,
    /// The policy it was decided under.
    pub policy: PolicyDigest,
    /// Name of the tool.
    pub tool: String,
    /// Arguments as the client gave them, without defaults.
    pub arguments: Vec<Argument>,
    /// What the client says of itself.
    pub claim: Option<Claim>,
    /// The key of a caller who has no Unix identity.
    pub key: Option<Presented>,
    /// The caller does not wait. How long it may run without him, the worker's policy
    /// says.
    pub background: bool,
    /// The supervisor says that the user at the client has confirmed this call. Nobody
    /// else can know: it never stands for an approval.
    pub confirmed: bool,
}

/// What a request is known by, in logs, in the audit trail and to the client. It
/// decides nothing, and may be the client's own word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correlation {
    /// Its name: at most [`crate::REQUEST_MAX`] bytes.
    pub request: String,
    /// The trace that it is a part of; see [`crate::is_traceparent`].
    pub trace: Option<String>,
}

/// A key whose owner is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identify {
    /// The key, and where it was presented.
    pub presented: Presented,
    /// What the request that came with it is known by.
    pub correlation: Correlation,
}

/// An API key as a client presented it, and where he connects from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presented {
    /// The key.
    pub key: Secret,
    /// The client's address, as the supervisor saw it.
    pub address: IpAddr,
}

/// A text that no log and no error shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text: for verification alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a client says of itself: `clientInfo` of MCP. Nobody has checked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Name of the program, at most [`crate::CLAIM_MAX`] characters.
    pub name: String,
    /// Its version, at most as long.
    pub version: String,
}

/// A denial for the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What the call is known by.
    pub correlation: Correlation,
    /// Name of the tool as the client gave it, cut to 128 bytes.
    pub tool: String,
    /// Arguments as the client gave them; `None` when they cannot be told, or are
    /// too large for a packet.
    pub arguments: Option<Vec<Argument>>,
    /// The denial, its reason cut to 1024 bytes.
    pub denial: Denial,
    /// What the client says of itself.
    pub claim: Option<Claim>,
    /// As in [`Run::key`].
    pub key: Option<Presented>,
}

/// One named argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Argument {
    /// Name of the parameter.
    pub name: String,
    /// Its value.
    pub value: Given,
}

/// What was given for an argument. Lists hold no lists, so no message nests
/// deeper than its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Given {
    /// One value.
    One(Value),
    /// A list of values.
    Many(Vec<Value>),
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other finite number.
    Number(f64),
    /// Text: strings, enum members, paths, and whatever else is written in quotes.
    Text(String),
}

/// From worker to supervisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Answers `Hello`; when version or policy differ, the worker hangs up after it.
    Welcome(Welcome),
    /// The command has been executed and has not ended within a moment. One that has is
    /// told by `Finished` alone.
    Started {
        /// Name of the run in the audit trail.
        run: String,
    },
    /// The call waits for an administrator, who answers the worker. One of `Started`,
    /// `Finished`, `Denied` and `Failed` follows.
    Waiting {
        /// What the administrator knows the request by.
        id: String,
        /// How long it waits at most, in milliseconds.
        at_most_ms: u64,
    },
    /// The policy does not allow the call. Recorded; nothing ran.
    Denied(Denial),
    /// The call is allowed but could not be carried out. Nothing is left running.
    Failed(Failure),
    /// The command and everything it started have ended.
    Finished(Outcome),
    /// The report stands in the audit trail.
    Recorded,
    /// The policy asked for is in force; lanes of the former one end.
    Reloaded,
    /// The name of the key asked about; `None` for one that is not valid.
    Identified(Option<String>),
    /// The call waits until a place is free, and comes again when that has come nearer.
    /// `Started`, `Finished`, `Denied` or `Failed` follows.
    Queued {
        /// How many calls start before it, if none of them is given up.
        ahead: u32,
        /// How long it waits at most in all, in milliseconds.
        at_most_ms: u64,
    },
    /// What the client that has attached itself is known by; `None` where that is not
    /// recorded, because too many come.
    Attached(Option<String>),
}

/// Answers [`Hello`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`crate::VERSION`] of the worker.
    pub version: u16,
    /// The policy the worker loaded.
    pub policy: PolicyDigest,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Denial {
    /// Stable word for programs.
    pub code: String,
    /// The part of the policy that refused.
    pub rule: String,
    /// One sentence for people.
    pub reason: String,
}

/// An allowed call that could not be carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable word for programs: `audit`, `open`, `sandbox`, `launch`,
    /// `attestation`, `stale_policy`, `reload`.
    pub code: String,
    /// The error with its causes, one line; may carry a hint on a second line.
    pub reason: String,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Name of the run in the audit trail.
    pub run: String,
    /// How the program itself ended.
    pub status: Status,
    /// The deadline passed and the process tree was killed.
    pub timed_out: bool,
    /// The caller cancelled or hung up and the process tree was killed.
    pub cancelled: bool,
    /// Processor time of the whole process tree, user and system, in microseconds.
    pub cpu_us: u64,
    /// Largest resident set of any one process, or of the whole tree where the
    /// kernel counts it (`memory.peak`), in bytes.
    pub memory_peak: u64,
    /// From just before the launch until the process tree was gone, in microseconds.
    pub wall_us: u64,
    /// What the sandbox is known to have stopped; without doubles.
    pub blocked: Vec<Blocked>,
    /// The limits that no cgroup controller held; without doubles.
    pub held_by_rlimits: Vec<Floor>,
    /// What was refused to a command that failed, in words such as `openat of /etc/shadow
    /// for reading`: the last of it, where the worker reads the host's audit records.
    pub denied: Vec<String>,
}

/// Something that the sandbox stopped and the kernel told of. What it refuses with
/// an error number is told to the program alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blocked {
    /// A system call that its filter kills for, by `SIGSYS`.
    SystemCall,
    /// Writing a file beyond `limit_fsize`, by `SIGXFSZ`.
    FileSize,
    /// Running beyond `limit_cpu`, by `SIGXCPU`.
    CpuTime,
    /// Using more memory than `memory_max`: the kernel killed.
    Memory,
    /// More tasks than `tasks_max`: the kernel refused them.
    Tasks,
    /// Printing more than the worker records of one run: it was killed.
    RecordMax,
    /// Printing what could not be recorded: it was killed.
    Record,
}

impl Blocked {
    /// Stable word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SystemCall => "system_call",
            Self::FileSize => "limit_fsize",
            Self::CpuTime => "limit_cpu",
            Self::Memory => "memory_max",
            Self::Tasks => "tasks_max",
            Self::RecordMax => "record_max",
            Self::Record => "record",
        }
    }

    /// What happened, for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::SystemCall => {
                "a system call that `system_calls` of the profile does not have (SIGSYS)"
            }
            Self::FileSize => "a file would have become larger than `limit_fsize` (SIGXFSZ)",
            Self::CpuTime => "the processor time of `limit_cpu` is used up (SIGXCPU)",
            Self::Memory => {
                "the processes needed more than `memory_max`, and the kernel killed them"
            }
            Self::Tasks => "more processes or threads than `tasks_max` were refused",
            Self::RecordMax => "it printed more than the server records of one run, and was killed",
            Self::Record => "what it printed could not be recorded, and it was killed",
        }
    }
}

/// A limit of a whole process tree that resource limits alone hold, setrlimit(2), and
/// so only for each process, or for all of a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Floor {
    /// `memory_max`: writable private memory of each process.
    Memory,
    /// `tasks_max`: tasks of the user the command runs as.
    Tasks,
}

impl Floor {
    /// The key of the profile.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory_max",
            Self::Tasks => "tasks_max",
        }
    }
}

/// How a process ended, wait(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It exited with this code, 0 to 255.
    Exited(i32),
    /// This signal killed it.
    Signaled(i32),
}
