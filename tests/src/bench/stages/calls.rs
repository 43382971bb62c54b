//! Which stage a system call belongs to.

use super::event::What;
use super::stage::Stage;

const CREDENTIALS: &[i64] = &[
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_capset,
    libc::SYS_capget,
    libc::SYS_keyctl,
    libc::SYS_prctl,
];

const NAMESPACES: &[i64] = &[
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_sethostname,
    libc::SYS_mkdirat,
    libc::SYS_symlinkat,
    libc::SYS_chroot,
];

const LANDLOCK: &[i64] = &[
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
];

const MAKES: &[i64] = &[libc::SYS_clone, libc::SYS_clone3];

const OPENS: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
];

/// The stage of a command that does this before it executes its program.
pub(super) fn of_command(what: &What) -> Stage {
    let Some((call, argument)) = call(what) else {
        return Stage::Setup;
    };
    let filters = call == libc::SYS_prctl && argument == u64::from(PR_SET_SECCOMP);
    match call {
        libc::SYS_seccomp => Stage::Filter,
        _ if filters => Stage::Filter,
        libc::SYS_execve | libc::SYS_execveat => Stage::Execute,
        _ if CREDENTIALS.contains(&call) => Stage::Credentials,
        _ if NAMESPACES.contains(&call) => Stage::Namespaces,
        _ if LANDLOCK.contains(&call) => Stage::Landlock,
        _ if MAKES.contains(&call) => Stage::Make,
        // It waits for its start to be recorded.
        libc::SYS_recvmsg => Stage::Admit,
        _ => Stage::Setup,
    }
}

const PR_SET_SECCOMP: u32 = 22;

/// Whether a lane that does this opens or looks at what a launch needs.
pub(super) fn opens(what: &What) -> bool {
    let call = call(what).map(|(call, _)| call);
    call.is_some_and(|call| OPENS.contains(&call) || LANDLOCK.contains(&call))
}

fn call(what: &What) -> Option<(i64, u64)> {
    match what {
        What::Enter(call, argument) => Some((*call, *argument)),
        What::Exit(call) => Some((*call, 0)),
        What::Fork(_) | What::Exec | What::Switch(..) | What::Mark(_) => None,
    }
}
