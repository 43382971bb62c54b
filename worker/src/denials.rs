//! What Landlock refused a command that failed, in words: from the kernel's audit
//! records, Documentation/admin-guide/LSM/landlock.rst. The kernel writes them from ABI 7
//! on and while auditing is switched on (`auditctl -e 1`); only who holds
//! `CAP_AUDIT_READ` is told, so administrators ask for it (`--explain-denials`).
//!
//! They explain and decide nothing: a record that is lost costs a line of text.

mod record;

use caps::errors::CapsError;
use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use nix::unistd::Pid;
use record::Records;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};
use thiserror::Error;

/// `AUDIT_NLGRP_READLOG` of linux/audit.h, as a mask of groups.
const READ_LOG: u32 = 1;

/// Longest audit record, `MAX_AUDIT_MESSAGE_LENGTH` of libaudit.h.
const RECORD_MAX: usize = 8970;

/// How long records of a command that has ended are waited for: the kernel hands them out
/// by a thread of its own.
const PATIENCE: Duration = Duration::from_millis(50);

/// The first ABI whose domains can log.
pub(crate) const LOG_ABI: u32 = 7;

/// Denials that cannot be explained here.
#[derive(Debug, Error)]
pub(crate) enum ObserverError {
    /// Too old.
    #[error(
        "cannot explain denials: the kernel has no records of them\nhint: Linux 6.15 has, or leave out `--explain-denials`"
    )]
    Kernel,
    /// The audit log is closed to this process.
    #[error(
        "cannot explain denials: the audit log is closed\n\
         hint: let the worker have CAP_AUDIT_READ (under systemd, CapabilityBoundingSet=) on the host itself, or leave out \
         `--explain-denials`"
    )]
    Closed(#[source] Errno),
}

/// Hears every audit record of the host.
#[derive(Debug)]
pub(crate) struct Observer {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Observer {
    /// Begins to listen.
    ///
    /// # Errors
    /// `EPERM` without `CAP_AUDIT_READ`.
    pub(crate) fn new() -> Result<Self, Errno> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkAudit,
        )?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, READ_LOG))?;
        Ok(Self {
            socket,
            buffer: vec![0; RECORD_MAX],
        })
    }

    /// Whether this process may listen; the capability that it must keep for that.
    pub(crate) fn try_out() -> Result<Capability, ObserverError> {
        if crate::sys::landlock_abi() < LOG_ABI {
            return Err(ObserverError::Kernel);
        }
        Self::new().map_err(ObserverError::Closed)?;
        Ok(Capability::CAP_AUDIT_READ)
    }

    /// Gives up what only listening needs, once this process does.
    pub(crate) fn give_up_privilege() -> Result<(), CapsError> {
        [CapSet::Effective, CapSet::Permitted]
            .into_iter()
            .try_for_each(|set| caps::drop(None, set, Capability::CAP_AUDIT_READ))
    }

    /// Forgets what was before a command.
    pub(crate) fn forget(&mut self) {
        while self.next().is_some() {}
    }

    /// What was refused to the command whose first process was `first`, and to all that
    /// it started: the last of it, without doubles.
    pub(crate) fn explain(&mut self, first: Pid) -> Vec<String> {
        let mut records = Records::of(first);
        let deadline = Instant::now() + PATIENCE;
        while !records.complete() && self.wait(deadline) {
            while let Some((kind, text)) = self.next() {
                records.add(kind, &text);
            }
        }
        records.sentences()
    }

    fn wait(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let patience = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        !left.is_zero() && poll(&mut socket, patience).is_ok_and(|ready| ready > 0)
    }

    /// The next record that is there: its type and text.
    fn next(&mut self) -> Option<(u16, String)> {
        loop {
            let flags = MsgFlags::MSG_DONTWAIT;
            match recv(self.socket.as_raw_fd(), &mut self.buffer, flags) {
                // Records were lost: others may be there.
                Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(_) => return None,
                Ok(length) => {
                    // struct nlmsghdr: length, type, flags, sequence, port.
                    let (head, text) = self.buffer.get(..length)?.split_at_checked(16)?;
                    let kind = u16::from_ne_bytes(head.get(4..6)?.try_into().ok()?);
                    return Some((kind, String::from_utf8_lossy(text).into_owned()));
                }
            }
        }
    }
}
