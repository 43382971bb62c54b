//! The standard streams of a command are those of this process, whatever they are:
//! files, pipes, sockets, a terminal.

use super::error::OnceError;
use crate::launcher::Streams;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{SFlag, fstat};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Copies of descriptors 0, 1 and 2.
pub(super) fn own() -> Result<Streams, OnceError> {
    Ok(Streams {
        stdin: Some(stream(0, io::stdin().as_fd())?),
        stdout: stream(1, io::stdout().as_fd())?,
        stderr: stream(2, io::stderr().as_fd())?,
    })
}

/// A directory, or a place without leave to read it, would be a way out of what is
/// granted: openat(2) starts there.
fn stream(number: i32, descriptor: BorrowedFd<'_>) -> Result<OwnedFd, OnceError> {
    let kind = SFlag::from_bits_truncate(fstat(descriptor)?.st_mode) & SFlag::S_IFMT;
    let flags = OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL)?);
    if kind == SFlag::S_IFDIR || flags.contains(OFlag::O_PATH) {
        return Err(OnceError::Stream(number));
    }
    descriptor
        .try_clone_to_owned()
        .map_err(|error| OnceError::Process(raw(&error)))
}

fn raw(error: &io::Error) -> nix::errno::Errno {
    let number = error.raw_os_error();
    number.map_or(nix::errno::Errno::EIO, nix::errno::Errno::from_raw)
}
