//! Unix sockets: packets with their descriptors, connections, and who is at the other end.

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockFlag, accept4, recvmsg};
use std::io::IoSliceMut;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// One packet and the descriptors that came with it.
#[derive(Debug)]
pub(crate) struct Packet {
    /// Bytes received; more than the buffer holds when the packet was cut.
    pub length: usize,
    /// Close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Receives one packet from a `SOCK_SEQPACKET` socket into `buffer`, with at most
/// [`wire::DESCRIPTORS_MAX`] descriptors. A packet of length 0 is the end.
///
/// # Errors
/// `EMSGSIZE` when the packet or its descriptors did not fit; the excess is closed.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Packet, Errno> {
    let mut control = nix::cmsg_space!([RawFd; wire::DESCRIPTORS_MAX]);
    let mut vectors = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut vectors,
        Some(&mut control),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let cut = message
        .flags
        .intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC);
    let mut descriptors = Vec::new();
    // A cut control buffer still carries descriptors that must be closed; nix refuses to
    // iterate it, which leaks at most DESCRIPTORS_MAX of them until the lane ends, at once.
    for part in message.cmsgs().map_err(|_| Errno::EMSGSIZE)? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            // SAFETY: the kernel just installed these descriptors for us; nothing else owns them.
            descriptors.extend(
                raw.into_iter()
                    .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
            );
        }
    }
    if cut {
        return Err(Errno::EMSGSIZE);
    }
    Ok(Packet {
        length: message.bytes,
        descriptors,
    })
}

/// Takes over a connection from accept4(2) on `listener`, close-on-exec.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let raw = accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC)?;
    // SAFETY: accept4 returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Takes over the first descriptor of sd_listen_fds(3), close-on-exec. Call it once.
pub(crate) fn handed_over() -> Result<OwnedFd, Errno> {
    const FIRST: RawFd = 3;
    // SAFETY: takes integers only; on a number that is no descriptor it fails.
    let result = unsafe { libc::fcntl(FIRST, libc::F_SETFD, libc::FD_CLOEXEC) };
    Errno::result(result)?;
    // SAFETY: the descriptor is open, and whoever started this process left it to it:
    // `service` calls this once, before the process opens descriptors of its own.
    Ok(unsafe { OwnedFd::from_raw_fd(FIRST) })
}

/// The supplementary groups of the peer of a Unix socket, `SO_PEERGROUPS` in unix(7).
pub(crate) fn peer_groups(socket: BorrowedFd<'_>) -> Result<Vec<u32>, Errno> {
    let mut groups = vec![0_u32; 64];
    loop {
        let mut length = libc::socklen_t::try_from(groups.len() * size_of::<u32>())
            .map_err(|_| Errno::ERANGE)?;
        // SAFETY: the kernel writes at most `length` bytes, the size of the live vector's elements.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let count = length as usize / size_of::<u32>();
        match Errno::result(result) {
            Ok(_) => {
                groups.truncate(count);
                return Ok(groups);
            }
            Err(Errno::ERANGE) => groups.resize(count, 0),
            Err(errno) => return Err(errno),
        }
    }
}
