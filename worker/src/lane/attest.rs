//! Who the caller is, proven by the kernel on the client's own socket.
//!
//! The supervisor passes a duplicate of the socket it accepted. A hijacked one
//! may pass any other it can make or get, so the socket must be one that was
//! *accepted* on the front's listener: there alone do the peer's credentials
//! (`SO_PEERCRED`, unix(7)) belong to whoever connected.

use crate::context::Trust;
use crate::sys;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{AcceptConn, PeerCredentials, SockType as SocketType};
use nix::sys::socket::{SockType, UnixAddr, getpeername, getsockname, getsockopt};
use policy::Peer;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use thiserror::Error;

/// A caller who cannot be believed.
#[derive(Debug, Error)]
pub(super) enum AttestError {
    /// No socket came with the request.
    #[error("cannot identify the caller: his socket did not come along")]
    Missing,
    /// It is not a connected Unix stream socket.
    #[error("cannot identify the caller: what came along is no connected socket")]
    Socket(#[source] Errno),
    /// It is a listener, whose credentials are those of who listens.
    #[error("cannot identify the caller: his socket listens")]
    Listener,
    /// It was not accepted on the front's listener.
    #[error("cannot identify the caller: his socket was not accepted on the front")]
    Elsewhere,
    /// The peer has hung up.
    #[error("cannot identify the caller: he has hung up")]
    Gone,
}

/// Who is at the other end of `client`.
pub(super) fn attest(trust: &Trust, client: Option<&OwnedFd>) -> Result<Peer, AttestError> {
    match trust {
        Trust::Only(peer) | Trust::Administrator(peer) => Ok(peer.clone()),
        Trust::Front(front) => peer(front, client.ok_or(AttestError::Missing)?),
    }
}

fn peer(front: &Path, client: &OwnedFd) -> Result<Peer, AttestError> {
    if getsockopt(client, SocketType).map_err(AttestError::Socket)? != SockType::Stream {
        return Err(AttestError::Socket(Errno::ESOCKTNOSUPPORT));
    }
    // The credentials of a listening socket are those of its owner: often root.
    if getsockopt(client, AcceptConn).map_err(AttestError::Socket)? {
        return Err(AttestError::Listener);
    }
    if !accepted_on(front, client).map_err(AttestError::Socket)? {
        return Err(AttestError::Elsewhere);
    }
    if hung_up(client) {
        return Err(AttestError::Gone);
    }
    let credentials = getsockopt(client, PeerCredentials).map_err(AttestError::Socket)?;
    let groups = sys::peer_groups(client.as_fd()).map_err(AttestError::Socket)?;
    Ok(Peer {
        uid: credentials.uid(),
        gid: credentials.gid(),
        groups,
        login: None,
    })
}

/// An accepted socket has its listener's address. So has one that was bound there
/// and then connected to some daemon, whose credentials it would show; but such a
/// peer has the address it listens on, and a client has none.
fn accepted_on(front: &Path, client: &OwnedFd) -> nix::Result<bool> {
    let local: UnixAddr = getsockname(client.as_raw_fd())?;
    let remote: UnixAddr = getpeername(client.as_raw_fd())?;
    Ok(local.path() == Some(front) && remote.path().is_none() && remote.as_abstract().is_none())
}

/// Whether the peer has closed its socket, not merely finished sending.
fn hung_up(client: &OwnedFd) -> bool {
    let mut descriptors = [PollFd::new(client.as_fd(), PollFlags::empty())];
    poll(&mut descriptors, PollTimeout::ZERO) != Ok(0)
}
