//! The system calls of a lane itself, which it keeps for its whole life, and of a command
//! on its way to being executed.

use super::{Action, Around, alone};
use libc::c_long;
use policy::{Strength, SystemCalls};
use std::collections::{BTreeMap, BTreeSet};

/// What a lane does with arguments that no command may use: it makes namespaces, mounts,
/// sockets, files in memory and keyrings, opens arguments beneath their directory, and
/// forks a command into its cgroup. It countersigns these where no command may make them
/// so, and no other call.
#[rustfmt::skip]
const BEYOND: &[c_long] = {
    use libc::*;
    &[
        SYS_clone, SYS_clone3, SYS_unshare, SYS_setns, SYS_sethostname, SYS_mount, SYS_umount2, SYS_pivot_root,
        SYS_open_tree, SYS_move_mount, SYS_mount_setattr, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_keyctl,
        SYS_memfd_create, SYS_prctl, SYS_socket, SYS_openat2,
    ]
};

/// What a lane does as any command may: it talks, makes files, sets limits and priorities.
/// The rest of what lanes need is in the default table.
#[rustfmt::skip]
const ALIKE: &[c_long] = {
    use libc::*;
    &[
        SYS_ioctl, SYS_socketpair, SYS_sendto, SYS_sendmsg, SYS_openat, SYS_fchmod, SYS_prlimit64, SYS_setpriority, SYS_ioprio_set,
    ]
};

/// [`BEYOND`] by number.
pub(super) fn beyond() -> BTreeSet<u32> {
    numbers(BEYOND).collect()
}

/// Whether a lane can wear a filter that says `actions`, of a list of system calls for what
/// is `around` its commands, and go on: the list takes nothing of the default one away, which
/// has all that a lane calls without a countersign.
pub(super) fn can_wear(actions: &BTreeMap<u32, Action>, around: Around) -> bool {
    let default = super::table::actions(&SystemCalls::default(), around);
    default.iter().all(|(call, action)| {
        let said = actions.get(call);
        said == Some(action) || said == Some(&Action::Allow)
    })
}

/// What is said of calls where lanes and all commands of `tables` are to be bound: calls
/// that one of them makes are made, and what all tables say alike is said once, unless
/// the lane does more itself.
pub(super) fn common(tables: &[&BTreeMap<u32, Action>]) -> BTreeMap<u32, Action> {
    let own = super::table::actions(&SystemCalls::default(), alone(Strength::Isolated));
    let commands = tables.iter().copied().flat_map(allowed);
    let own = numbers(ALIKE).chain(allowed(&own));
    let made = numbers(BEYOND).chain(own).chain(commands);
    let mut common: BTreeMap<u32, Action> = made.map(|call| (call, Action::Allow)).collect();
    common.extend(said_alike(tables));
    common
}

/// What all of `tables` say of a call that a lane makes at most as commands do.
fn said_alike(tables: &[&BTreeMap<u32, Action>]) -> Vec<(u32, Action)> {
    let beyond = beyond();
    let first = tables.first().copied().into_iter().flatten();
    let alike = first.filter(|(call, action)| {
        let same = |table: &&BTreeMap<u32, Action>| table.get(call) == Some(action);
        !beyond.contains(call) && tables.iter().all(same)
    });
    alike.map(|(call, action)| (*call, *action)).collect()
}

fn numbers(calls: &[c_long]) -> impl Iterator<Item = u32> {
    calls.iter().filter_map(|call| u32::try_from(*call).ok())
}

/// The calls that are made, at least with some arguments.
fn allowed(actions: &BTreeMap<u32, Action>) -> impl Iterator<Item = u32> {
    let made = |action: &Action| !matches!(action, Action::Refuse(_));
    let all = actions.iter().filter(move |(_, action)| made(action));
    all.map(|(number, _)| *number)
}
