//! Descriptors by range, close_range(2).

use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Marks every descriptor from `first` on close-on-exec, close_range(2). They stay
/// open until then, so the pipe that reports a failed launch still works.
pub(crate) fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    // SAFETY: takes integers only; no descriptor is closed here.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    Errno::result(result).map(drop)
}

/// Closes every descriptor from `first` on, close_range(2): for a forked process
/// that uses none of them again and ends by [`super::exit`], which drops nothing.
pub(crate) fn close_from(first: u32) -> Result<(), Errno> {
    close_range(first, u32::MAX)
}

/// As [`close_from`], every descriptor but `kept`.
pub(crate) fn close_all_but(kept: BorrowedFd<'_>) -> Result<(), Errno> {
    let kept = kept.as_raw_fd().cast_unsigned();
    if let Some(before) = kept.checked_sub(1) {
        close_range(0, before)?;
    }
    close_range(kept + 1, u32::MAX)
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: takes integers only. Owners of these descriptors live on in this process,
    // but it never returns to them: it goes on in what was written for it, and exits.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result).map(drop)
}
