//! What this process may do, and in which turn: groups, capabilities, priorities, and what
//! the kernel has to take more away.

use super::countersign;
use libc::c_long;
use nix::errno::Errno;
use std::ptr;

/// linux/securebits.h: `SECBIT_NOROOT` and `SECBIT_NOROOT_LOCKED`.
const NO_ROOT: c_long = 0x3;

/// The supplementary groups of this process, getgroups(2), of which there are at most `most`:
/// else `EINVAL`.
pub(crate) fn groups(most: usize) -> Result<Vec<u32>, Errno> {
    // Of a size of 0 the kernel would think that it is asked for the number alone.
    let mut groups = vec![0; most + 1];
    let size = i32::try_from(groups.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the kernel writes at most `size` ids, the length of the live vector.
    let count = Errno::result(unsafe { libc::getgroups(size, groups.as_mut_ptr()) })?;
    groups.truncate(usize::try_from(count).unwrap_or_default());
    Ok(groups)
}

/// The effective, the permitted and the inheritable set of this process as bits, capget(2).
pub(crate) fn capabilities() -> Result<[u64; 3], Errno> {
    // linux/capability.h: `_LINUX_CAPABILITY_VERSION_3`, by which a set is two words.
    const VERSION: u32 = 0x2008_0522;
    let mut head = [VERSION, 0];
    let mut words = [[0_u32; 3]; 2];
    // SAFETY: the kernel reads and writes a head of two words, and writes two structures of
    // three words each, all of which live here.
    let result = unsafe { libc::syscall(libc::SYS_capget, head.as_mut_ptr(), words.as_mut_ptr()) };
    Errno::result(result)?;
    let [low, high] = words;
    let mut sets = [0; 3];
    for (set, (low, high)) in sets.iter_mut().zip(low.into_iter().zip(high)) {
        *set = u64::from(low) | u64::from(high) << 32;
    }
    Ok(sets)
}

/// Makes user id 0 a user like any other when a program is executed, for good,
/// `SECBIT_NOROOT` in capabilities(7). Needs `CAP_SETPCAP`.
pub(crate) fn forget_root() -> Result<(), Errno> {
    prctl(libc::PR_SET_SECUREBITS, NO_ROOT)
}

/// Takes the capability with the number `index` out of the bounding set of this process, for
/// good. Needs `CAP_SETPCAP`.
pub(crate) fn bound(index: u8) -> Result<(), Errno> {
    prctl(libc::PR_CAPBSET_DROP, index.into())
}

/// Whether the permitted set stays when this process becomes another user than root.
pub(crate) fn keep_capabilities(keep: bool) -> Result<(), Errno> {
    prctl(libc::PR_SET_KEEPCAPS, keep.into())
}

/// An operation of prctl(2) that takes one number and that no command may ask for.
fn prctl(operation: libc::c_int, number: c_long) -> Result<(), Errno> {
    let arguments = [operation.into(), number, 0, 0, 0];
    // SAFETY: takes integers only.
    unsafe { countersign::call(libc::SYS_prctl, arguments) }.map(drop)
}

/// Whether that was done to this process, or one before it.
pub(crate) fn has_forgotten_root() -> Result<bool, Errno> {
    // SAFETY: takes integers only.
    let bits = Errno::result(unsafe { libc::prctl(libc::PR_GET_SECUREBITS, 0, 0, 0, 0) })?;
    Ok(c_long::from(bits) & NO_ROOT == NO_ROOT)
}

/// Lets this process stand behind others when processors are scarce, setpriority(2).
pub(crate) fn set_nice(nice: u32) -> Result<(), Errno> {
    let nice = i32::try_from(nice).map_err(|_| Errno::EINVAL)?;
    // SAFETY: takes integers only.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    Errno::result(result).map(drop)
}

/// How this process shares the disks, `class` and `level` of ioprio_set(2).
pub(crate) fn set_io_priority(class: u32, level: u32) -> Result<(), Errno> {
    // linux/ioprio.h
    const WHO_PROCESS: u32 = 1;
    const CLASS_SHIFT: u32 = 13;
    let priority = class << CLASS_SHIFT | level;
    // SAFETY: takes integers only.
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0_u32, priority) };
    Errno::result(result).map(drop)
}

/// The Landlock ABI of the running kernel, 0 where it is absent or switched off,
/// landlock_create_ruleset(2).
pub(crate) fn landlock_abi() -> u32 {
    const VERSION: u32 = 1;
    // SAFETY: with LANDLOCK_CREATE_RULESET_VERSION the kernel reads no memory and returns a number.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            ptr::null::<u8>(),
            0_usize,
            VERSION,
        )
    };
    u32::try_from(abi).unwrap_or(0)
}
