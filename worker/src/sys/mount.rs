//! Mounts by descriptor, fsopen(2), open_tree(2), move_mount(2), mount_setattr(2),
//! and the rest of what a namespace begins with.

use super::countersign;
use libc::c_long;
use nix::errno::Errno;
use std::ffi::CStr;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

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

/// An open descriptor as an argument.
fn raw(descriptor: BorrowedFd<'_>) -> c_long {
    descriptor.as_raw_fd().into()
}

/// A string as an argument.
fn text(text: &CStr) -> c_long {
    text.as_ptr() as c_long
}

/// A copy of the mounts at and below the file `at`, attached nowhere.
pub(crate) fn clone_tree(at: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
    let arguments = [raw(at), text(c""), flags.into(), 0, 0];
    // SAFETY: reads an empty string constant; the descriptor is borrowed and so open.
    unsafe { countersign::open(libc::SYS_open_tree, arguments) }
}

/// A new file system of type `kind` with `options`, attached nowhere.
pub(crate) fn new_file_system(
    kind: &CStr,
    options: &[(&CStr, &CStr)],
    attributes: u64,
) -> Result<OwnedFd, Errno> {
    let arguments = [text(kind), FSOPEN_CLOEXEC.into(), 0, 0, 0];
    // SAFETY: reads a string that ends in NUL.
    let context = unsafe { countersign::open(libc::SYS_fsopen, arguments) }?;
    let context = raw(context.as_fd());
    let configure = |command: u32, key: c_long, value: c_long| {
        let arguments = [context, command.into(), key, value, 0];
        // SAFETY: what is no string that ends in NUL is 0; the kernel copies strings.
        unsafe { countersign::call(libc::SYS_fsconfig, arguments) }
    };
    for (key, value) in options {
        configure(FSCONFIG_SET_STRING, text(key), text(value))?;
    }
    configure(FSCONFIG_CMD_CREATE, 0, 0)?;
    let attributes = attributes.cast_signed();
    let arguments = [context, FSMOUNT_CLOEXEC.into(), attributes, 0, 0];
    // SAFETY: takes integers only.
    unsafe { countersign::open(libc::SYS_fsmount, arguments) }
}

/// Attaches `tree` over the file `target`.
pub(crate) fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = MOVE_EMPTY_PATHS.into();
    let arguments = [raw(tree), text(c""), raw(target), text(c""), flags];
    // SAFETY: reads empty string constants; both descriptors are borrowed and so open.
    unsafe { countersign::call(libc::SYS_move_mount, arguments) }.map(drop)
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
    let structure = (&raw const attributes) as c_long;
    let size = size_of::<Attributes>() as c_long;
    let arguments = [raw(tree), text(c""), flags.into(), structure, size];
    // SAFETY: the structure lives until the call returns, and its size is passed along.
    unsafe { countersign::call(libc::SYS_mount_setattr, arguments) }.map(drop)
}

/// Makes the working directory, a mount, the root, and leaves the former one; see
/// the notes on `pivot_root(".", ".")` in pivot_root(2).
pub(crate) fn pivot_here() -> Result<(), Errno> {
    let arguments = [text(c"."), text(c"."), 0, 0, 0];
    // SAFETY: reads a string constant.
    unsafe { countersign::call(libc::SYS_pivot_root, arguments) }?;
    detach(c".")
}

/// Takes the mount at `path` out of the tree, umount2(2).
fn detach(path: &CStr) -> Result<(), Errno> {
    let arguments = [text(path), libc::MNT_DETACH.into(), 0, 0, 0];
    // SAFETY: reads a string that ends in NUL.
    unsafe { countersign::call(libc::SYS_umount2, arguments) }.map(drop)
}

/// Names the host in this process's namespace, sethostname(2).
pub(crate) fn set_host_name(name: &CStr) -> Result<(), Errno> {
    let arguments = [text(name), name.count_bytes() as c_long, 0, 0, 0];
    // SAFETY: reads as many bytes of a live string as it has.
    unsafe { countersign::call(libc::SYS_sethostname, arguments) }.map(drop)
}

/// Takes this process to the namespace that `namespace` stands for, of the kind that
/// `flag` of clone(2) makes, setns(2).
pub(crate) fn enter(namespace: BorrowedFd<'_>, flag: i32) -> Result<(), Errno> {
    let arguments = [raw(namespace), flag.into(), 0, 0, 0];
    // SAFETY: takes integers only.
    unsafe { countersign::call(libc::SYS_setns, arguments) }.map(drop)
}

/// Gives this process namespaces of its own, by flags of clone(2), unshare(2).
pub(crate) fn unshare(flags: i32) -> Result<(), Errno> {
    // SAFETY: takes integers only.
    unsafe { countersign::call(libc::SYS_unshare, [flags.into(), 0, 0, 0, 0]) }.map(drop)
}

/// Starts the loopback interface of this process's network namespace, netdevice(7).
pub(crate) fn start_loopback() -> Result<(), Errno> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    let arguments = [libc::AF_INET.into(), kind.into(), 0, 0, 0];
    // SAFETY: takes integers only.
    let socket = unsafe { countersign::open(libc::SYS_socket, arguments) }?;
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
    const JOIN_SESSION_KEYRING: c_long = 1;
    // SAFETY: without a name the kernel reads no memory.
    let joined = unsafe { countersign::call(libc::SYS_keyctl, [JOIN_SESSION_KEYRING, 0, 0, 0, 0]) };
    match joined {
        Ok(_) => Ok(()),
        // No keyrings in the kernel, or a filter over the worker, and so over the
        // command, that keeps both from all of them.
        Err(Errno::ENOSYS | Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}
