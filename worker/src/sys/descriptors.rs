//! Descriptors by range, close_range(2).

use nix::errno::Errno;

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
    // SAFETY: takes integers only. Owners of these descriptors live on in this process,
    // but it never returns to them: its only ways on are the functions of `init`.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    Errno::result(result).map(drop)
}
