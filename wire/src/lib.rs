//! What supervisor and worker say to each other, and nothing else.
//!
//! One message is one packet of an `AF_UNIX` `SOCK_SEQPACKET` socket, so the
//! kernel keeps frames and their descriptors together; see unix(7). A packet is
//! a postcard encoding of [`Request`] or [`Reply`]. The vocabulary is closed:
//! whatever does not decode whole, is larger than [`FRAME_MAX`], or is followed
//! by more bytes is an error, upon which the receiver hangs up.
//!
//! The life of a connection: `Hello` → `Welcome`, then any number of
//! `Run` → (`Waiting` →) `Denied` | `Failed` | (`Started` →) `Finished`, and
//! `Report` → `Recorded` | `Failed`, `Attach` → `Attached` | `Failed`,
//! `Detach` → `Recorded` | `Failed`, `Identify` → `Identified` and
//! `Reload` → `Reloaded` | `Failed`; `Output` may follow `Finished`, once, and has no
//! answer. While a command runs or waits, the only request is
//! `Cancel`, and hanging up means the same.

#![forbid(unsafe_code)]

mod admin;
mod frame;
mod message;
mod metrics;
mod overview;
pub mod systemd;

pub use admin::{
    ADMIN_VERSION, About, Answer, Approve, Asked, AuditHead, Calling, Covers, PAGE_MAX, Question,
    Shown, Standing, WorkerStatus,
};
pub use frame::{FrameError, SendError, decode, encode, pack, send};
pub use message::{
    Argument, Attach, Blocked, Claim, Correlation, Denial, Failure, Floor, Given, Hello, Identify,
    Outcome, Output, PolicyDigest, Presented, Reply, Report, Request, Run, Secret, Speech, Status,
    StreamDigest, Value, Welcome,
};
pub use metrics::{AuditNumbers, BUCKETS_US, Calls, Counted, Metrics, Process, Stage, StageTimes};
pub use overview::{Denied, Listed, Overview, Queues, Rate, Runs, Second, Used, Waits, Who};

/// Version of the vocabulary; both sides refuse any other.
pub const VERSION: u16 = 11;

/// Largest packet, in bytes.
pub const FRAME_MAX: usize = 64 * 1024;

/// Longest name or version in a [`Claim`], in characters.
pub const CLAIM_MAX: usize = 128;

/// Longest name of a request in a [`Correlation`], in bytes.
pub const REQUEST_MAX: usize = 128;

/// Whether `text` is a `traceparent` as version 00 of W3C Trace Context has it:
/// `00-` trace `-` parent `-` flags, in small hexadecimal digits, neither of the first
/// two all zeros. <https://www.w3.org/TR/trace-context/#traceparent-header>
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    let digits = |part: &str, length| {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.len() == length && part.bytes().all(digit)
    };
    let some = |part: &str| part.bytes().any(|byte| byte != b'0');
    let mut parts = text.split('-');
    let mut next = || parts.next().unwrap_or_default();
    let (version, trace, parent, flags) = (next(), next(), next(), next());
    version == "00"
        && (digits(trace, 32) && some(trace))
        && (digits(parent, 16) && some(parent))
        && digits(flags, 2)
        && parts.next().is_none()
}

/// Most descriptors that come with one packet.
pub const DESCRIPTORS_MAX: usize = 3;
