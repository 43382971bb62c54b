//! Mounts by descriptor, fsopen(2), open_tree(2), move_mount(2), mount_setattr(2),
//! and the rest of what a namespace begins with.

use nix::errno::Errno;
use std::ffi::CStr;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

// linux/mount.h
const OPEN_TREE_CLONE: u32 = 1;
const OPEN_TREE_CLOEXEC: u32 = libc::O_CLOEXEC.cast_unsigned();
const AT_EMPTY_PATH: u32 = libc::AT_EMPTY_PATH.cast_unsigned();
const AT_RECURSIVE: u32 = 0x8000;
const MOVE_EMPTY_PATHS: u32 = 0x4 | 0x40; // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
const FSOPEN_CLOEXEC: u32 = 1;
const FSMOUNT_CLOEXEC: u32 = 1;
const FSCONFIG_SET_STRING: u32 = 1;
const FSCONFIG_CMD_CREATE: u32 = 6;

/// Nothing is written through the mount.
pub(crate) const READ_ONLY: u64 = 0x1;
/// Set-id programs are without effect.
pub(crate) const NO_SUID: u64 = 0x2;
/// Device nodes are without effect.
pub(crate) const NO_DEVICES: u64 = 0x4;
/// No program is executed or mapped for execution.
pub(crate) const NO_EXECUTE: u64 = 0x8;

/// `struct mount_attr`.
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

fn descriptor(result: libc::c_long) -> Result<OwnedFd, Errno> {
    let raw = i32::try_from(Errno::result(result)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: every caller passes what a system call returned that makes a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// A copy of the mounts at and below the file `at`, attached nowhere.
pub(crate) fn clone_tree(at: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
    // SAFETY: reads an empty string constant; the descriptor is borrowed and so open.
    descriptor(unsafe { libc::syscall(libc::SYS_open_tree, at.as_raw_fd(), c"".as_ptr(), flags) })
}

/// A new file system of type `kind` with `options`, attached nowhere.
pub(crate) fn new_file_system(
    kind: &CStr,
    options: &[(&CStr, &CStr)],
    attributes: u64,
) -> Result<OwnedFd, Errno> {
    // SAFETY: reads a string that ends in NUL.
    let context =
        descriptor(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) })?;
    for (key, value) in options {
        // SAFETY: both strings end in NUL, and the kernel copies them.
        let result = unsafe {
            libc::syscall(
                libc::SYS_fsconfig,
                context.as_raw_fd(),
                FSCONFIG_SET_STRING,
                key.as_ptr(),
                value.as_ptr(),
                0,
            )
        };
        Errno::result(result)?;
    }
    let none = ptr::null::<u8>();
    // SAFETY: this command takes no pointers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            FSCONFIG_CMD_CREATE,
            none,
            none,
            0,
        )
    };
    Errno::result(result)?;
    // SAFETY: takes integers only.
    descriptor(unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            context.as_raw_fd(),
            FSMOUNT_CLOEXEC,
            attributes,
        )
    })
}

/// Attaches `tree` over the file `target`.
pub(crate) fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: reads empty string constants; both descriptors are borrowed and so open.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            target.as_raw_fd(),
            c"".as_ptr(),
            MOVE_EMPTY_PATHS,
        )
    };
    Errno::result(result).map(drop)
}

/// Adds `attributes` to the mount of `tree`, and with `below` to all below it.
pub(crate) fn restrict(tree: BorrowedFd<'_>, attributes: u64, below: bool) -> Result<(), Errno> {
    set(tree, attributes, 0, below)
}

/// No mount or unmount below `tree` is seen elsewhere, or comes from there.
pub(crate) fn make_private(tree: BorrowedFd<'_>) -> Result<(), Errno> {
    set(tree, 0, libc::MS_PRIVATE, true)
}

fn set(tree: BorrowedFd<'_>, set: u64, propagation: u64, below: bool) -> Result<(), Errno> {
    let attributes = Attributes {
        set,
        clear: 0,
        propagation,
        user_namespace: 0,
    };
    let flags = AT_EMPTY_PATH | if below { AT_RECURSIVE } else { 0 };
    // SAFETY: the structure lives until the call returns, and its size is passed along.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    Errno::result(result).map(drop)
}

/// Makes the working directory, a mount, the root, and leaves the former one; see
/// the notes on `pivot_root(".", ".")` in pivot_root(2).
pub(crate) fn pivot_here() -> Result<(), Errno> {
    let here = c".".as_ptr();
    // SAFETY: reads a string constant.
    Errno::result(unsafe { libc::syscall(libc::SYS_pivot_root, here, here) })?;
    detach(c".")
}

/// Takes the mount at `path` out of the tree, umount2(2).
fn detach(path: &CStr) -> Result<(), Errno> {
    // SAFETY: reads a string that ends in NUL.
    let result = unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
    Errno::result(result).map(drop)
}

/// Names the host in this process's namespace, sethostname(2).
pub(crate) fn set_host_name(name: &CStr) -> Result<(), Errno> {
    let length = name.count_bytes();
    // SAFETY: reads `length` bytes of a live string.
    let result = unsafe { libc::sethostname(name.as_ptr(), length) };
    Errno::result(result).map(drop)
}

/// Starts the loopback interface of this process's network namespace, netdevice(7).
pub(crate) fn start_loopback() -> Result<(), Errno> {
    // SAFETY: takes integers only.
    let socket = descriptor(libc::c_long::from(unsafe {
        libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0)
    }))?;
    // SAFETY: `ifreq` is a plain structure of integers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
    // SAFETY: the kernel reads the live structure, whose flags were just written.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(result).map(drop)
}

/// Gives this process a session keyring that nobody else has, keyctl(2).
pub(crate) fn new_session_keyring() -> Result<(), Errno> {
    const JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: without a name the kernel reads no memory.
    let result =
        unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, ptr::null::<u8>()) };
    match Errno::result(result) {
        Ok(_) => Ok(()),
        // No keyrings in the kernel, or a filter over the worker, and so over the
        // command, that keeps both from all of them.
        Err(Errno::ENOSYS | Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}
