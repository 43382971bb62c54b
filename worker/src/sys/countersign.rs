//! System calls that only this process can make, though what it starts wears the same
//! filter: they carry a word that nobody else knows.
//!
//! No call here uses its sixth argument: the kernel leaves that register unread, and a filter
//! can read it. So a lane that puts a filter on itself, which its commands inherit, draws a
//! word of 64 random bits first, lets calls through that carry it, and says it with every
//! call that its commands may not make. They would have to guess it, one system call for each
//! guess. They cannot read it either: it lies in memory that is closed to them, the kernel
//! clears all registers when a program is executed, and shows the instructions of a filter to
//! nobody who wears one, PTRACE_SECCOMP_GET_FILTER in ptrace(2).

use libc::c_long;
use nix::errno::Errno;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// 0 until it is drawn, when no filter asks for it.
static WORD: AtomicU64 = AtomicU64::new(0);

/// Draws the word of this process, and of those that get a copy of its memory: what a filter
/// is to compare the sixth argument with.
///
/// # Errors
/// No random numbers, getrandom(2).
pub(crate) fn draw() -> Result<u64, Errno> {
    let mut bytes = [0; 8];
    // SAFETY: the kernel writes at most as many bytes as the live array has.
    let drawn = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if Errno::result(drawn)? != 8 {
        return Err(Errno::EIO);
    }
    let word = u64::from_ne_bytes(bytes);
    WORD.store(word, Ordering::Relaxed);
    Ok(word)
}

/// The sixth argument of a call that is countersigned.
pub(super) fn word() -> u64 {
    WORD.load(Ordering::Relaxed)
}

/// Makes the system call `number`, which has at most five arguments, countersigned.
///
/// # Safety
/// As for the call itself: what its arguments point to must be what the kernel takes it for.
pub(super) unsafe fn call(number: c_long, arguments: [c_long; 5]) -> Result<c_long, Errno> {
    let [first, second, third, fourth, fifth] = arguments;
    // SAFETY: the caller vouches for the arguments; the last is an integer that is not read.
    Errno::result(unsafe { libc::syscall(number, first, second, third, fourth, fifth, word()) })
}

/// The same for a call that makes a new descriptor.
///
/// # Safety
/// As above; and it is such a call.
pub(super) unsafe fn open(number: c_long, arguments: [c_long; 5]) -> Result<OwnedFd, Errno> {
    // SAFETY: as above.
    let made = unsafe { call(number, arguments) }?;
    let made = RawFd::try_from(made).map_err(|_| Errno::EBADF)?;
    // SAFETY: the call has made it, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(made) })
}
