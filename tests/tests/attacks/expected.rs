//! What gets through, and why that is so. An entry that does not get through any more
//! fails the suite as well: then it is to be taken out here and in docs/sandbox.md.

use harness::landlock_abi;
use std::fs;

/// Where an entry counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// On every host.
    Anywhere,
    /// Where no cgroup v2 controller of this name counts.
    Without(&'static str),
    /// Where a cgroup v2 controller of this name counts.
    With(&'static str),
    /// Where Landlock is older than this ABI.
    Before(u64),
}

/// Strength, identity (`*` for all), probe, and where.
type Entry = (&'static str, &'static str, &'static str, Where);

const KNOWN: &[Entry] = &[
    // Landlock hooks no call that only looks, and no call that goes somewhere.
    ("default", "*", "stat", Where::Anywhere),
    ("default", "*", "stat-existence", Where::Anywhere),
    ("default", "*", "stat-access", Where::Anywhere),
    ("default", "*", "stat-statfs", Where::Anywhere),
    ("default", "*", "stat-readlink", Where::Anywhere),
    // What it opens gives no access to content.
    ("default", "*", "path-descriptor", Where::Anywhere),
    ("default", "*", "chdir", Where::Anywhere),
    // Of a granted directory only the size of each file is bounded, by RLIMIT_FSIZE; the
    // isolated strength bounds its own file systems as a whole.
    ("default", "*", "disk", Where::Anywhere),
    // Limits of a process count neither shared memory nor what others of its tree have.
    ("default", "*", "memory-shared", Where::Without("memory")),
    ("default", "*", "memory-tree", Where::Without("memory")),
    ("isolated", "*", "memory-shared", Where::Without("memory")),
    ("isolated", "*", "memory-tree", Where::Without("memory")),
    // Landlock holds signals from ABI 6 on; before, the user's rights alone do, and the
    // victim is of the same user. The isolated strength has processes of its own.
    ("default", "*", "signal", Where::Before(6)),
    ("default", "*", "signal-group", Where::Before(6)),
    ("default", "*", "signal-all", Where::Before(6)),
    ("default", "*", "signal-thread", Where::Before(6)),
    ("default", "*", "signal-task", Where::Before(6)),
    ("default", "*", "signal-queue", Where::Before(6)),
    ("default", "*", "signal-descriptor", Where::Before(6)),
    ("default", "root", "signal-parent", Where::Before(6)),
    ("default", "root", "signal-init", Where::Before(6)),
    ("default", "*", "signal-owner", Where::Before(6)),
    // Of its own run alone: the init of its pid namespace, which is root as well. The kernel
    // lets no signal from inside end it.
    ("isolated", "root", "signal-parent", Where::Before(6)),
    ("isolated", "root", "signal-init", Where::Before(6)),
    // Where the controller holds the tree, no limit by user does; it can be raised to what
    // the user has anyway.
    ("default", "*", "raise-tasks", Where::With("pids")),
    ("isolated", "*", "raise-tasks", Where::With("pids")),
    // The kernel does not apply RLIMIT_NPROC to root.
    ("default", "root", "tasks", Where::Without("pids")),
    ("isolated", "root", "tasks", Where::Without("pids")),
];

/// Whether the probe `name` is known to get through.
pub(crate) fn known(strength: &str, identity: &str, name: &str) -> bool {
    KNOWN.iter().any(|(of, who, probe, place)| {
        let counts = match place {
            Where::Anywhere => true,
            Where::Without(controller) => !counted(controller),
            Where::With(controller) => counted(controller),
            Where::Before(abi) => landlock_abi() < *abi,
        };
        *of == strength && (*who == "*" || *who == identity) && *probe == name && counts
    })
}

fn counted(controller: &str) -> bool {
    let files = [
        "/sys/fs/cgroup/cgroup.controllers",
        "/sys/fs/cgroup/unified/cgroup.controllers",
    ];
    let all = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    all.into_iter()
        .any(|text| text.split_whitespace().any(|one| one == controller))
}

/// Probes that get through nowhere on the hosts that this was written on, so that
/// their being refused proves nothing; each with what would be needed.
pub(crate) const UNPROVEN: &[(&str, &str)] = &[
    ("alg", "a kernel with CONFIG_CRYPTO_USER_API"),
    ("bluetooth", "a kernel with CONFIG_BT"),
    ("can", "a kernel with CONFIG_CAN"),
    ("kcm", "a kernel with CONFIG_AF_KCM"),
    ("llc", "a kernel with CONFIG_LLC2"),
    ("netlink-crypto", "a kernel with CONFIG_CRYPTO_USER"),
    ("pf-key", "a kernel with CONFIG_NET_KEY"),
    ("pppox", "a kernel with CONFIG_PPPOE"),
    ("qrtr", "a kernel with CONFIG_QRTR"),
    ("rds", "a kernel with CONFIG_RDS"),
    ("sctp", "a kernel with CONFIG_IP_SCTP"),
    ("smc", "a kernel with CONFIG_SMC"),
    ("tipc", "a kernel with CONFIG_TIPC"),
    ("tipc-pair", "a kernel with CONFIG_TIPC"),
    ("x32", "a kernel with CONFIG_X86_X32_ABI"),
    ("kexec", "a kernel with CONFIG_KEXEC"),
    ("kexec-file", "a kernel with CONFIG_KEXEC_FILE"),
    ("module-init", "a kernel with CONFIG_MODULES"),
    ("module-file", "a kernel with CONFIG_MODULES"),
    ("module-delete", "a kernel with CONFIG_MODULES"),
    ("proc-modprobe", "a kernel with CONFIG_MODULES"),
    ("ioperm", "a kernel with CONFIG_X86_IOPL_IOPERM"),
    ("iopl", "a kernel with CONFIG_X86_IOPL_IOPERM"),
    ("proc-sysrq", "a kernel with CONFIG_MAGIC_SYSRQ"),
    ("read-kcore", "a kernel with CONFIG_PROC_KCORE"),
    ("read-memory-device", "a kernel with CONFIG_DEVMEM"),
    (
        "read-disk",
        "a disk that is called /dev/vda and that root may read",
    ),
    ("ping", "a group in net.ipv4.ping_group_range"),
];
