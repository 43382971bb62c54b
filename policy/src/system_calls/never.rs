//! System calls that no profile can allow, because one of them alone opens what
//! the rest of the sandbox closes.

/// Some system calls, and why nobody gets them.
type Row = (&'static [&'static str], &'static str);

#[rustfmt::skip]
const NEVER: &[Row] = &[
    (
        &["io_uring_setup", "io_uring_enter", "io_uring_register"],
        "its requests are made by the kernel, past the system call filter",
    ),
    (&["bpf"], "it loads programs into the kernel"),
    (&["perf_event_open"], "it looks into the kernel and other processes"),
    (
        &["keyctl", "add_key", "request_key"],
        "keys are shared with other processes of the same user",
    ),
    (&["userfaultfd"], "it stops the kernel in the middle of its work"),
    (
        &[
            "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
            "pivot_root",
        ],
        "it changes the tree of files that paths are granted in",
    ),
    (&["unshare", "setns"], "a namespace of its own gives a process new powers"),
    (
        &["clone3"],
        "its flags lie in memory, where the filter cannot look; libc takes `clone` instead",
    ),
    (
        &["memfd_create", "memfd_secret"],
        "what it returns can be executed and is no file to Landlock",
    ),
    (
        &["open_by_handle_at", "name_to_handle_at"],
        "a handle opens a file past every directory above it",
    ),
    (
        &["process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd"],
        "it reaches into other processes",
    ),
    (
        &["kexec_load", "kexec_file_load", "reboot"],
        "it ends the running system",
    ),
    (
        &["init_module", "finit_module", "delete_module"],
        "it changes the kernel",
    ),
    (&["swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "nfsservctl"], "it administers the host"),
    (&["ioperm", "iopl"], "it drives the hardware"),
    (
        &["fanotify_init", "fanotify_mark"],
        "it watches the files of all other processes",
    ),
    (&["vhangup", "lookup_dcookie"], "it serves no command"),
    (
        &[
            "_sysctl", "afs_syscall", "getpmsg", "putpmsg", "security", "sysfs", "tuxcall", "uselib", "ustat",
            "vserver",
        ],
        "it is obsolete",
    ),
];

/// Allowed only by their own names: a group that holds them does not mean them.
pub(super) const ALONE: [&str; 2] = ["chroot", "ptrace"];

/// Why no profile can allow `call`; `None` when one can.
pub(crate) fn never(call: &str) -> Option<&'static str> {
    let row = NEVER.iter().find(|(calls, _)| calls.contains(&call));
    row.map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system_calls::names::NAMES;

    #[test]
    fn only_calls_that_exist_are_refused() {
        for call in NEVER.iter().flat_map(|(calls, _)| *calls).chain(&ALONE) {
            assert!(NAMES.contains(call), "{call}");
        }
        assert!(ALONE.iter().all(|call| never(call).is_none()));
    }
}
