//! Opening beneath a directory, openat2(2), and files in memory, memfd_create(2): both are
//! for a lane alone, so they are countersigned.

use super::countersign;
use libc::c_long;
use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, ResolveFlag};
use nix::sys::memfd::MFdFlags;
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Opens `path` from `directory` on; `mode` is that of a file which `flags` make.
pub(crate) fn open_within<P: NixPath + ?Sized>(
    directory: impl AsFd,
    path: &P,
    (flags, mode): (OFlag, Mode),
    resolve: ResolveFlag,
) -> Result<OwnedFd, Errno> {
    // SAFETY: `open_how` is a plain structure of integers, for which zero is "not used".
    let mut how: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    how.flags = u64::from(flags.bits().cast_unsigned());
    how.mode = mode.bits().into();
    how.resolve = resolve.bits();
    let directory = directory.as_fd().as_raw_fd().into();
    let (how, size) = (&raw const how, size_of::<libc::open_how>());
    path.with_nix_path(|path| {
        let path = path.as_ptr() as c_long;
        let arguments = [directory, path, how as c_long, size as c_long, 0];
        // SAFETY: the string ends in NUL, the structure lives until the call returns, and its
        // size is passed along; the descriptor is borrowed and so open.
        unsafe { countersign::open(libc::SYS_openat2, arguments) }
    })?
}

/// A file in memory that its descriptor alone leads to.
pub(crate) fn file_in_memory(name: &CStr, flags: MFdFlags) -> Result<OwnedFd, Errno> {
    let arguments = [name.as_ptr() as c_long, flags.bits().into(), 0, 0, 0];
    // SAFETY: reads a string that ends in NUL.
    unsafe { countersign::open(libc::SYS_memfd_create, arguments) }
}
