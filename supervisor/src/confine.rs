//! The supervisor confines itself before the first client attaches: it touches
//! every untrusted byte, so whoever takes it over finds a process that can start
//! no program, write no file, reach no network and read little. Commands are the
//! worker's to restrict; nothing here concerns them.
//!
//! Call while the process has one thread: threads that come later inherit it.

mod network;

use crate::error::Error;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    PathFd, PathFdError, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope,
};
use network::{family_of, other_than_tcp, round_landlock};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Compare,
    SeccompCondition as Condition, SeccompFilter, SeccompRule as Rule, TargetArch,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use thiserror::Error as ThisError;

/// The newest Landlock whose rights are asked for, where the kernel has them.
const NEWEST: ABI = ABI::V7;

/// What name lookups (NSS), time zones and error messages read.
const SYSTEM: [&str; 7] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run/systemd",
    "/var/lib/sss",
    "/dev/null",
];

/// A confinement that does not hold.
#[derive(Debug, ThisError)]
pub(crate) enum ConfineError {
    /// The kernel has no Landlock, or a path cannot be opened.
    #[error("the kernel refuses the Landlock ruleset")]
    Landlock(#[from] RulesetError),
    /// A path that must be there cannot be opened.
    #[error(transparent)]
    Path(#[from] PathFdError),
    /// Only a part would hold.
    #[error("the kernel enforces Landlock only in part")]
    Partial,
    /// The filter for system calls.
    #[error("the kernel refuses the system call filter")]
    Seccomp(#[from] seccompiler::Error),
    /// The same, before it reaches the kernel.
    #[error("the system call filter cannot be built")]
    Filter(#[from] seccompiler::BackendError),
}

/// What a supervisor still needs once it serves.
#[derive(Debug, Default)]
pub(crate) struct Needs<'a> {
    /// Files and trees to read: the policy, to load it again.
    pub(crate) read: Vec<&'a Path>,
    /// The directory of the socket, to remove it at the end.
    pub(crate) socket: Option<&'a Path>,
    /// The directory in which it makes files for output, writes and reads them.
    pub(crate) spool: Option<&'a Path>,
    /// The one address of the network that it connects to.
    pub(crate) collector: Option<SocketAddr>,
    /// Whether it has a worker of its own, to kill it should it not end.
    pub(crate) child: bool,
}

/// Confines this process to what it `needs`, for good.
///
/// # Errors
/// [`Error::Confine`]: it must not serve then.
pub(crate) fn confine(needs: &Needs<'_>) -> Result<(), Error> {
    files_and_ports(needs)?;
    Ok(system_calls(needs.collector)?)
}

fn files_and_ports(needs: &Needs<'_>) -> Result<(), ConfineError> {
    let status = ruleset(needs)?.restrict_self()?;
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(ConfineError::Partial),
    }
}

/// Files are required, of what is newer whatever the kernel has.
fn ruleset(needs: &Needs<'_>) -> Result<RulesetCreated, ConfineError> {
    let scopes = match needs.child {
        true => Scope::AbstractUnixSocket.into(),
        false => Scope::from_all(NEWEST),
    };
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(scopes)?
        .create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for path in SYSTEM {
        // Which of them a host has depends on its name services.
        if let Ok(file) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(file, rights(read, Path::new(path))))?;
        }
    }
    for path in &needs.read {
        let file = PathFd::new(path)?;
        ruleset = ruleset.add_rule(PathBeneath::new(file, rights(read, path)))?;
    }
    if let Some(directory) = needs.socket {
        let file = PathFd::new(directory)?;
        ruleset = ruleset.add_rule(PathBeneath::new(file, AccessFs::RemoveFile))?;
    }
    if let Some(directory) = needs.spool {
        let file = PathFd::new(directory)?;
        ruleset = ruleset.add_rule(PathBeneath::new(file, spool()))?;
    }
    if let Some(collector) = needs.collector {
        // Nothing on kernels before 6.7, whose Landlock knows no ports.
        let port = NetPort::new(collector.port(), AccessNet::ConnectTcp);
        ruleset = ruleset.add_rule(port)?;
    }
    Ok(ruleset)
}

/// What the directory of the spool is for. What is made there is no directory, device or
/// program, and goes nowhere else.
fn spool() -> BitFlags<AccessFs> {
    AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::ReadFile | AccessFs::WriteFile
}

/// Those of `rights` that `path` can have.
fn rights(rights: BitFlags<AccessFs>, path: &Path) -> BitFlags<AccessFs> {
    if path.is_dir() {
        rights
    } else {
        rights & AccessFs::from_file(NEWEST)
    }
}

/// What no supervisor ever calls: to start programs, to reach into processes, to
/// change the kernel, its mounts, namespaces, users and keys.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_memfd_create,
    libc::SYS_personality,
    libc::SYS_vhangup,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
];

/// Families that name services use; TCP and UDP are for none of us.
const FAMILIES: [libc::c_int; 2] = [libc::AF_UNIX, libc::AF_NETLINK];

fn system_calls(collector: Option<SocketAddr>) -> Result<(), ConfineError> {
    Ok(seccompiler::apply_filter(&filter(collector)?)?)
}

fn filter(collector: Option<SocketAddr>) -> Result<BpfProgram, ConfineError> {
    let mut rules: BTreeMap<i64, Vec<Rule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let collectors = collector.map(family_of);
    let families = FAMILIES.into_iter().chain(collectors);
    let other: Result<Vec<Condition>, _> = families
        .map(|family| condition(0, Compare::Ne, family))
        .collect();
    let mut sockets = vec![Rule::new(other?)?];
    if let Some(family) = collectors {
        sockets.extend(other_than_tcp(family)?);
        rules.extend(round_landlock()?);
    }
    rules.insert(libc::SYS_socket, sockets);
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, machine)?;
    Ok(BpfProgram::try_from(filter)?)
}

fn condition(
    argument: u8,
    compare: Compare,
    value: libc::c_int,
) -> Result<Condition, ConfineError> {
    let value = u64::from(value.unsigned_abs());
    Ok(Condition::new(argument, Length::Dword, compare, value)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::User;
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::Command;
    use std::thread;

    /// What `attack` says in a thread that has confined itself, and in one that has not.
    pub(super) fn both<T: Send>(needs: &Needs<'_>, attack: impl Fn() -> T + Sync) -> (T, T) {
        thread::scope(|scope| {
            let free = scope.spawn(&attack).join().unwrap();
            let confined = scope.spawn(|| {
                confine(needs).unwrap();
                attack()
            });
            (free, confined.join().unwrap())
        })
    }

    pub(super) fn service<'a>(directory: &'a Path) -> Needs<'a> {
        Needs {
            read: vec![Path::new("/etc")],
            socket: Some(directory),
            spool: None,
            collector: None,
            child: false,
        }
    }

    #[test]
    fn no_program_is_started() {
        let scratch = tempfile::tempdir().unwrap();
        let start = || {
            Command::new("/bin/true")
                .status()
                .map_err(|error| error.kind())
        };
        let (free, confined) = both(&service(scratch.path()), start);
        assert!(free.unwrap().success());
        assert_eq!(confined.unwrap_err(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn no_file_is_written_and_few_are_read() {
        let (scratch, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = other.path().join("secret");
        fs::write(&secret, "x").unwrap();
        let kind = |result: std::io::Result<()>| result.map_err(|error| error.kind());
        let (free, confined) = both(&service(scratch.path()), || {
            [
                kind(fs::read(&secret).map(drop)),
                kind(fs::write(&secret, "y")),
                kind(fs::write(scratch.path().join("new"), "y")),
                kind(fs::read_dir("/proc/self/task").map(drop)),
            ]
        });
        assert_eq!(free, [Ok(()); 4]);
        assert_eq!(confined, [Err(ErrorKind::PermissionDenied); 4]);
    }

    /// Files of the spool are made, written, read and removed; nothing else is.
    #[test]
    fn the_spool_is_for_files_alone() {
        let (scratch, spool) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let needs = Needs {
            spool: Some(spool.path()),
            ..service(scratch.path())
        };
        let kind = |result: std::io::Result<()>| result.map_err(|error| error.kind());
        let file = spool.path().join("file");
        let (free, confined) = both(&needs, || {
            let other = |kind: &str| {
                let thread = thread::current().id();
                spool.path().join(format!("{kind} of {thread:?}"))
            };
            [
                kind(fs::write(&file, "x")),
                kind(fs::read(&file).map(drop)),
                kind(fs::remove_file(&file)),
                kind(fs::read_dir(spool.path()).map(drop)),
                kind(fs::create_dir(other("directory"))),
                kind(std::os::unix::fs::symlink("/", other("link"))),
            ]
        });
        let refused = Err(ErrorKind::PermissionDenied);
        assert_eq!(free, [Ok(()); 6]);
        assert_eq!(&confined[..3], [Ok(()); 3]);
        assert_eq!(&confined[3..], [refused; 3]);
    }

    #[test]
    fn no_network_is_reached_but_local_sockets_are() {
        let scratch = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let path = scratch.path().join("worker");
        let _worker = UnixListener::bind(&path).unwrap();
        let (free, confined) = both(&service(scratch.path()), || {
            (
                TcpStream::connect(address).is_ok(),
                UnixStream::connect(&path).is_ok(),
            )
        });
        assert_eq!((free, confined), ((true, true), (false, true)));
    }

    /// What it goes on doing: names are looked up, the socket is removed.
    #[test]
    fn what_it_needs_still_works() {
        let scratch = tempfile::tempdir().unwrap();
        let socket = scratch.path().join("s");
        let needs = service(scratch.path());
        fs::write(&socket, "").unwrap();
        thread::scope(|scope| {
            let confined = scope.spawn(|| {
                confine(&needs).unwrap();
                assert!(User::from_name("root").unwrap().is_some());
                fs::read("/etc/passwd").unwrap();
                fs::remove_file(&socket).unwrap();
            });
            confined.join().unwrap();
        });
    }

    #[test]
    fn a_policy_that_is_gone_is_no_reason_to_serve_unconfined() {
        let needs = Needs {
            read: vec![Path::new("/nonexistent")],
            ..Needs::default()
        };
        assert!(matches!(ruleset(&needs), Err(ConfineError::Path(_))));
    }
}
