//! The system calls of a lane itself, which it keeps for its whole life, and of a command
//! on its way to being executed.

use super::{Action, alone};
use libc::c_long;
use policy::{Strength, SystemCalls};
use std::collections::{BTreeMap, BTreeSet};

/// What makes namespaces, mounts, sockets, files in memory and keyrings, opens arguments
/// beneath their directory, sets limits and priorities, and forks a command into its
/// cgroup; the rest of what lanes need is in the default table.
#[rustfmt::skip]
const NEEDED: &[c_long] = {
    use libc::*;
    &[
        SYS_clone, SYS_clone3, SYS_unshare, SYS_setns, SYS_sethostname, SYS_mount, SYS_umount2, SYS_pivot_root,
        SYS_open_tree, SYS_move_mount, SYS_mount_setattr, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_keyctl,
        SYS_memfd_create, SYS_prctl, SYS_ioctl, SYS_socket, SYS_socketpair, SYS_sendto, SYS_sendmsg, SYS_openat2,
        SYS_openat, SYS_fchmod, SYS_prlimit64, SYS_setpriority, SYS_ioprio_set,
    ]
};

/// The numbers of all calls that a lane makes, and that commands of `tables` may make.
pub(super) fn needs<'a>(tables: impl Iterator<Item = &'a BTreeMap<u32, Action>>) -> BTreeSet<u32> {
    let own = super::table::actions(&SystemCalls::default(), alone(Strength::Isolated));
    let needed = NEEDED.iter().filter_map(|call| u32::try_from(*call).ok());
    let commands = tables.flat_map(allowed);
    needed.chain(allowed(&own)).chain(commands).collect()
}

/// The calls that are made, at least with some arguments.
fn allowed(actions: &BTreeMap<u32, Action>) -> impl Iterator<Item = u32> {
    let made = |action: &Action| !matches!(action, Action::Refuse(_));
    let all = actions.iter().filter(move |(_, action)| made(action));
    all.map(|(number, _)| *number)
}
