//! What the sandbox is made of, one by one: whether it is there, since when Linux
//! has it, what it is for, and what to do where it is missing.

use super::host::Host;
use super::trial::{self, Trial};
use crate::sandbox::abi::{ABIS, Abi};
use crate::sandbox::containment::Containment;
use policy::Controller;

/// Whether a feature is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It was tried and works.
    Works,
    /// It is not there.
    Missing,
    /// It is not there, and nothing here depends on it.
    Unused,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Missing => "missing",
            Self::Unused => "unused",
        }
    }
}

/// One part of the sandbox.
#[derive(Debug)]
pub(super) struct Feature {
    pub name: String,
    pub state: State,
    /// What it is for.
    pub mechanism: String,
    /// The first Linux that has it.
    pub since: &'static str,
    /// What follows from its absence and what to do.
    pub remedy: Option<String>,
}

impl Feature {
    fn new(name: &str, since: &'static str, mechanism: &str, trial: Trial, remedy: &str) -> Self {
        let failed = trial.err();
        let remedy = failed.map(|errno| format!("{remedy} ({})", errno.desc()));
        Self {
            name: name.to_owned(),
            state: if remedy.is_some() {
                State::Missing
            } else {
                State::Works
            },
            mechanism: mechanism.to_owned(),
            since,
            remedy,
        }
    }
}

/// All there are, tried on `host`.
pub(super) fn features(host: &Host) -> Vec<Feature> {
    let mut all: Vec<Feature> = ABIS.iter().map(|abi| landlock(abi, host)).collect();
    all.extend(kernel());
    all.extend(cgroup(host));
    all.extend(namespaces(host));
    all.push(containment(host));
    all.push(capabilities(host));
    all
}

/// One ABI of Landlock. The newest is tried as well, and with it all before.
fn landlock(abi: &Abi, host: &Host) -> Feature {
    let there = abi.number <= host.abi;
    let holds = there && (!host.attempts || trial::landlock(abi.number).is_ok());
    let update = match host.abi {
        0 => "switch Landlock on: `landlock` must stand in /sys/kernel/security/lsm".to_owned(),
        _ => format!("use Linux {} or newer", abi.linux),
    };
    let state = match (holds, abi.used) {
        (true, _) => State::Works,
        (false, true) => State::Missing,
        (false, false) => State::Unused,
    };
    let remedy = match state {
        State::Works => None,
        State::Missing => Some(format!("{}; {update}", abi.without)),
        State::Unused => Some(abi.without.to_owned()),
    };
    Feature {
        name: format!("Landlock ABI {}", abi.number),
        state,
        mechanism: abi.adds.to_owned(),
        since: abi.linux,
        remedy,
    }
}

const KERNEL: &str = "nothing runs without it: use a newer kernel, or one built with it";

fn kernel() -> Vec<Feature> {
    vec![
        Feature::new("seccomp", "3.17", "system calls", trial::seccomp(), KERNEL),
        Feature::new(
            "no_new_privs",
            "3.5",
            "set-id programs give nothing",
            trial::no_new_privileges(),
            KERNEL,
        ),
        Feature::new(
            "openat2",
            "5.6",
            "path arguments stay beneath their directory",
            trial::openat2_beneath(),
            "calls with path arguments are refused: use a newer kernel",
        ),
        Feature::new(
            "close_range",
            "5.11",
            "no descriptor is inherited",
            trial::close_range(),
            KERNEL,
        ),
        Feature::new(
            "clone with pidfd",
            "5.2",
            "processes are waited for and killed for sure",
            trial::pidfd(),
            KERNEL,
        ),
        Feature::new(
            "session keyring",
            "2.6",
            "keys of others are out of reach",
            trial::keyring(),
            "nothing runs without it; under systemd, `@keyring` must be in SystemCallFilter=",
        ),
        Feature::new(
            "memfd, seals",
            "3.17",
            "texts as standard input",
            trial::memfd(),
            "calls with a text as standard input are refused: use a newer kernel",
        ),
    ]
}

fn cgroup(host: &Host) -> Vec<Feature> {
    let row = |name: String, since, mechanism: &str, there: bool, remedy: &str| Feature {
        name,
        state: if there { State::Works } else { State::Missing },
        mechanism: mechanism.to_owned(),
        since,
        remedy: (!there).then(|| remedy.to_owned()),
    };
    let base = match &host.containment {
        Ok(Containment::Cgroup(base)) => Some(base),
        Ok(Containment::PidNamespace { .. } | Containment::Subreaper) | Err(_) => None,
    };
    let why = host
        .no_cgroup
        .as_deref()
        .unwrap_or("another containment was asked for");
    let groups = "born into a group, killed as one";
    let mut rows = vec![row(
        "cgroup v2, cgroup.kill, CLONE_INTO_CGROUP".to_owned(),
        "5.14",
        groups,
        base.is_some(),
        why,
    )];
    rows.extend(Controller::ALL.iter().map(|one| {
        let remedy = format!(
            "{} cannot be held: delegate it to the worker (systemd: Delegate={one})",
            keys(*one)
        );
        let has = base.is_some_and(|base| base.has(*one));
        row(format!("cgroup {one}"), "5.2", &keys(*one), has, &remedy)
    }));
    rows
}

/// What `controller` holds.
fn keys(controller: Controller) -> String {
    let keys = match controller {
        Controller::Cpu => "`cpu_quota`, `cpu_weight`",
        Controller::Io => "`io_weight`",
        Controller::Memory => "`memory_max`, `memory_high`, `memory_swap_max` of a tree",
        Controller::Pids => "`tasks_max` of a tree",
    };
    keys.to_owned()
}

fn namespaces(host: &Host) -> Vec<Feature> {
    const REMEDY: &str = "`strength = \"isolated\"`, `private_tmp` and `loopback` are refused, and without a mount \
                          namespace the host is not read-only to commands: the worker needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, a single user user namespaces (user.max_user_namespaces)";
    let each = |name: &str, since, flag, mechanism: &str| {
        Feature::new(name, since, mechanism, host.makes(flag), REMEDY)
    };
    let mut rows = vec![
        each(
            "mount namespace",
            "2.4",
            libc::CLONE_NEWNS,
            "a root directory of its own",
        ),
        each(
            "pid namespace",
            "2.6",
            libc::CLONE_NEWPID,
            "processes of its own",
        ),
        each(
            "ipc namespace",
            "2.6",
            libc::CLONE_NEWIPC,
            "System V IPC, message queues",
        ),
        each(
            "uts namespace",
            "2.6",
            libc::CLONE_NEWUTS,
            "a host name of its own",
        ),
        each(
            "net namespace",
            "2.6",
            libc::CLONE_NEWNET,
            "no interface of the host",
        ),
    ];
    let user = trial::inside(libc::CLONE_NEWUSER, || Ok(()));
    let mut user = Feature::new(
        "user namespace",
        "3.8",
        "namespaces for a single user",
        user,
        "`mini-mcp stdio` makes no namespaces: allow them (user.max_user_namespaces, kernel.unprivileged_userns_clone, \
         kernel.apparmor_restrict_unprivileged_userns)",
    );
    if host.uid == 0 && user.state == State::Missing {
        user.state = State::Unused;
    }
    rows.push(user);
    let flags = host.flags(libc::CLONE_NEWNS);
    rows.push(Feature::new(
        "open_tree, mount_setattr",
        "5.12",
        "only granted paths exist, read-only but for `write`",
        trial::mounts(flags),
        REMEDY,
    ));
    rows
}

fn containment(host: &Host) -> Feature {
    let (state, mechanism, remedy) = match &host.containment {
        Ok(Containment::Subreaper) => (
            State::Works,
            "subreaper".to_owned(),
            Some(
                "trees are found by walking /proc: a cgroup or a pid namespace is surer".to_owned(),
            ),
        ),
        Ok(chosen) => (State::Works, chosen.name().to_owned(), None),
        Err(why) => (State::Missing, "none".to_owned(), Some(why.clone())),
    };
    Feature {
        name: "containment".to_owned(),
        state,
        mechanism: format!("trees are held by: {mechanism}"),
        since: "3.4",
        remedy,
    }
}

fn capabilities(host: &Host) -> Feature {
    let mut names: Vec<String> = host.capabilities.iter().map(ToString::to_string).collect();
    names.sort();
    let mechanism = match (host.uid, names.len()) {
        (_, 0) => "none: commands run as the user who starts them".to_owned(),
        (0, 30..) => format!("{} of root's; the worker keeps what it needs", names.len()),
        _ => names.join(" "),
    };
    let lacking = crate::bounds::lacking(&host.capabilities).filter(|_| host.single.is_none());
    Feature {
        name: "capabilities".to_owned(),
        state: if lacking.is_some() {
            State::Missing
        } else {
            State::Works
        },
        mechanism,
        since: "2.2",
        remedy: lacking.map(|one| format!("{one} is missing: `serve` must be started as root")),
    }
}
