//! The supervisor's side of the lanes: connections to the worker, each of which
//! carries one command at a time.
//!
//! A lane that is dropped hangs up, and hanging up kills what runs there; so
//! whoever stops waiting for a call, for whatever reason, ends its command.

mod connection;
mod door;
mod filters;
mod idle;
mod pipes;
mod pool;
mod turns;

pub(crate) use connection::Packets;
pub(crate) use door::{Door, pair};
pub(crate) use filters::{Filter, Filters};
pub(crate) use pipes::{Left, Reader};
pub(crate) use pool::{Lease, Pool};

use crate::error::chain;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use thiserror::Error;
use tokio::sync::Notify;
use wire::Reply;

/// The version of a worker that is of a newer release than this process. It is said of
/// the process, whichever of its lanes has found it.
static NEWER: AtomicU16 = AtomicU16::new(0);
static FOUND: Notify = Notify::const_new();

/// Waits until a worker of a newer release has answered: then it is for the service
/// manager to start what is installed now.
pub(crate) async fn outdated() -> LaneError {
    FOUND.notified().await;
    LaneError::Version(NEWER.load(Ordering::Relaxed))
}

/// Notes the version that a worker speaks.
fn note_version(version: u16) {
    if version > wire::VERSION {
        NEWER.store(version, Ordering::Relaxed);
        FOUND.notify_one();
    }
}

/// A worker that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum LaneError {
    #[error("cannot connect to the worker at `{}`", path.display())]
    Connect { path: PathBuf, source: io::Error },
    #[error("cannot make a pipe for the command's output")]
    Pipe(#[source] io::Error),
    #[error("cannot open a lane to the worker")]
    Open(#[source] io::Error),
    /// The request does not fit a packet, so nothing was sent.
    #[error(transparent)]
    Request(wire::FrameError),
    #[error("cannot pass a message to the worker")]
    Send(#[source] io::Error),
    #[error("cannot receive a message from the worker")]
    Receive(#[source] io::Error),
    #[error("cannot take one more request: too many of this caller wait already")]
    Crowded,
    #[error("cannot go on: the worker hung up")]
    HungUp,
    #[error("cannot understand the worker")]
    Frame(#[from] wire::FrameError),
    #[error("cannot understand the worker: it speaks version {0}, not {version}", version = wire::VERSION)]
    Version(u16),
    #[error("cannot use the worker: it has loaded another policy")]
    OtherPolicy(wire::PolicyDigest),
    #[error("cannot use the worker: it has gone on to another policy")]
    Stale,
    #[error("cannot have the worker load the policy again: {0}")]
    Reload(String),
    #[error("cannot understand the worker: it answered with `{0}` out of turn")]
    OutOfTurn(&'static str),
}

impl LaneError {
    /// What may cure it, where that is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Connect { .. } => Some("start the worker: `systemctl start mini-mcp-worker`"),
            Self::Open(_) | Self::HungUp => Some("the worker's log says why"),
            Self::Version(_) => Some("install supervisor and worker of the same release"),
            Self::OtherPolicy(_) | Self::Stale => {
                Some("restart mini-mcp and mini-mcp-worker so that both read the same policy")
            }
            Self::Crowded => Some("wait for answers before you call again"),
            Self::Pipe(_)
            | Self::Request(_)
            | Self::Send(_)
            | Self::Receive(_)
            | Self::Frame(_)
            | Self::Reload(_)
            | Self::OutOfTurn(_) => None,
        }
    }

    /// The failure to report to the client.
    pub(crate) fn failure(&self) -> wire::Failure {
        let code = match self {
            Self::OtherPolicy(_) | Self::Stale => "stale_policy",
            Self::Crowded => "busy",
            Self::Connect { .. }
            | Self::Pipe(_)
            | Self::Open(_)
            | Self::Request(_)
            | Self::Send(_)
            | Self::Receive(_)
            | Self::HungUp
            | Self::Frame(_)
            | Self::Version(_)
            | Self::Reload(_)
            | Self::OutOfTurn(_) => "worker",
        };
        let mut reason = chain(self);
        if let Some(hint) = self.hint() {
            reason.push_str("\nhint: ");
            reason.push_str(hint);
        }
        wire::Failure {
            code: code.to_owned(),
            reason,
        }
    }

    /// The error for a reply that the protocol does not allow here.
    pub(crate) fn out_of_turn(reply: &Reply) -> Self {
        Self::OutOfTurn(match reply {
            Reply::Welcome(_) => "Welcome",
            Reply::Started { .. } => "Started",
            Reply::Waiting { .. } => "Waiting",
            Reply::Queued { .. } => "Queued",
            Reply::Denied(_) => "Denied",
            Reply::Failed(_) => "Failed",
            Reply::Finished(_) => "Finished",
            Reply::Recorded => "Recorded",
            Reply::Reloaded => "Reloaded",
            Reply::Identified(_) => "Identified",
            Reply::Attached(_) => "Attached",
        })
    }

    /// Whether the other end was gone before the message was taken.
    fn is_gone(&self) -> bool {
        let Self::Send(error) = self else {
            return false;
        };
        matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::NotConnected
        )
    }
}
