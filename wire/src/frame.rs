//! Packets to messages and back.

use crate::{DESCRIPTORS_MAX, FRAME_MAX};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};
use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use thiserror::Error;

/// A packet that is not one whole message, or a message too large for a packet.
#[derive(Debug, Error)]
pub enum FrameError {
    /// It would be, or is, larger than [`FRAME_MAX`].
    #[error("cannot pass a message of {0} bytes: the limit is {FRAME_MAX} bytes")]
    TooLarge(usize),
    /// It does not follow the vocabulary.
    #[error("cannot decode a message")]
    Malformed(#[source] postcard::Error),
    /// Bytes follow the message.
    #[error("cannot decode a message: {0} bytes follow it")]
    Trailing(usize),
}

/// A message that could not be sent.
#[derive(Debug, Error)]
pub enum SendError {
    /// It does not fit the vocabulary's bounds.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The socket refused; `EAGAIN` when it is non-blocking and full.
    #[error("cannot send a message")]
    Socket(#[source] Errno),
}

/// The packet of `message`.
///
/// # Errors
/// [`FrameError::TooLarge`] above [`FRAME_MAX`] bytes.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let packet = pack(message).map_err(FrameError::Malformed)?;
    if packet.len() > FRAME_MAX {
        return Err(FrameError::TooLarge(packet.len()));
    }
    Ok(packet)
}

/// `message` as bytes, however many.
///
/// # Errors
/// Postcard's, of what it has no form for.
pub fn pack<T: Serialize>(message: &T) -> postcard::Result<Vec<u8>> {
    postcard::serialize_with_flavor(message, Growing(Vec::with_capacity(USUAL)))
}

/// Bytes that most messages do without more than; postcard's own vector grows from nothing,
/// and moves with each doubling.
const USUAL: usize = 512;

struct Growing(Vec<u8>);

impl Flavor for Growing {
    type Output = Vec<u8>;

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// The message of `packet`, which must be exactly one.
///
/// # Errors
/// Every variant of [`FrameError`]; the receiver must hang up on each.
pub fn decode<'a, T: Deserialize<'a>>(packet: &'a [u8]) -> Result<T, FrameError> {
    if packet.len() > FRAME_MAX {
        return Err(FrameError::TooLarge(packet.len()));
    }
    match postcard::take_from_bytes(packet).map_err(FrameError::Malformed)? {
        (message, []) => Ok(message),
        (_, rest) => Err(FrameError::Trailing(rest.len())),
    }
}

/// Sends `packet`, made by [`encode`], and duplicates of `descriptors` as one
/// packet on a `SOCK_SEQPACKET` socket.
///
/// # Errors
/// Whatever sendmsg(2) answers; `EAGAIN` when the socket is non-blocking and full.
pub fn send(
    socket: BorrowedFd<'_>,
    packet: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), SendError> {
    debug_assert!(descriptors.len() <= DESCRIPTORS_MAX);
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() {
        &[]
    } else {
        rights.as_slice()
    };
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(packet)],
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
    .map(drop)
    .map_err(SendError::Socket)
}
