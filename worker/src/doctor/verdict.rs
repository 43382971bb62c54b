//! What a profile comes to on this host: what holds each of its restrictions, and
//! why its calls would be refused.

use super::host::Host;
use crate::explain::explain;
use crate::sandbox::containment::Containment;
use crate::sandbox::namespaces::Shut;
use crate::sandbox::{landlock, namespaces, program};
use nix::errno::Errno;
use policy::{Controller, Network, Policy, Profile, RunAs, Strength};

/// Why every call under `profile` is refused where Landlock has `abi` and trees are
/// held by `containment`: what the worker says when it starts.
pub(crate) fn refusals(profile: &Profile, abi: u32, containment: &Containment) -> Vec<String> {
    let landlock = landlock::holds(profile, abi).err();
    let controller = containment.missing(&profile.cgroup);
    let controller = controller.map(|(controller, key)| {
        format!(
            "`{key}` needs the cgroup controller `{controller}`\n\
             hint: delegate it to the worker (under systemd, Delegate={controller}), or leave `{key}` out"
        )
    });
    let landlock = landlock.map(|error| explain(&error));
    let held = containment.too_weak(profile).map(|held| {
        format!(
            "it needs the containment `{}`, there is `{}`",
            profile.minimum_containment.name(),
            held.name()
        )
    });
    [landlock, held, controller].into_iter().flatten().collect()
}

/// How strongly a profile is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As it asks.
    Enforced,
    /// Its calls run, and something of it holds less than it says.
    Weaker,
    /// Its calls do not run.
    Refused,
}

impl Standing {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Weaker => "weaker",
            Self::Refused => "refused",
        }
    }
}

/// One restriction of a profile.
#[derive(Debug)]
pub(super) struct Hold {
    pub what: &'static str,
    /// What holds it.
    pub by: String,
    /// In what that is less than the profile says, and what to change.
    pub weaker: Option<String>,
}

impl Hold {
    fn new(what: &'static str, by: impl Into<String>) -> Self {
        Self {
            what,
            by: by.into(),
            weaker: None,
        }
    }

    fn but(self, weaker: &str) -> Self {
        Self {
            weaker: Some(weaker.to_owned()),
            ..self
        }
    }
}

/// A profile on this host.
#[derive(Debug)]
pub(super) struct Verdict<'p> {
    pub profile: &'p Profile,
    pub holds: Vec<Hold>,
    /// Why calls are refused; a tool of its own is named.
    pub refusals: Vec<String>,
}

impl<'p> Verdict<'p> {
    pub(super) fn new(profile: &'p Profile, policy: &Policy, host: &Host) -> Self {
        Self {
            profile,
            holds: holds(profile, host),
            refusals: all_refusals(profile, policy, host),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        if !self.refusals.is_empty() {
            Standing::Refused
        } else if self.holds.iter().any(|hold| hold.weaker.is_some()) {
            Standing::Weaker
        } else {
            Standing::Enforced
        }
    }
}

/// The strength in the words of the policy.
pub(super) fn strength(profile: &Profile) -> &'static str {
    match profile.isolation.strength {
        Strength::Isolated => "isolated",
        Strength::Default | _ => "default",
    }
}

fn isolated(profile: &Profile) -> bool {
    profile.isolation.strength == Strength::Isolated
}

fn all_refusals(profile: &Profile, policy: &Policy, host: &Host) -> Vec<String> {
    let mut all = match &host.containment {
        Ok(containment) => refusals(profile, host.abi, containment),
        Err(why) => vec![why.clone()],
    };
    if let Err(errno) = host.makes(namespaces::flags(profile)) {
        all.push(no_namespaces(errno));
    }
    if let Err(error) = landlock::paths(profile) {
        all.push(explain(&error));
    }
    // By its name: a tool that says where it starts has a copy of its profile.
    let of_profile = |tool: &&policy::Tool| tool.profile().name == profile.name;
    for tool in policy.tools().filter(of_profile) {
        if let Err(error) = program::check(tool.program(), host.single) {
            all.push(format!("tool `{}`: {}", tool.name(), explain(&error)));
        }
    }
    for command in policy.commands_of_its_own().filter(of_profile) {
        if let Err(error) = program::check(command.program(), host.single) {
            all.push(explain(&error));
        }
    }
    all
}

fn no_namespaces(errno: Errno) -> String {
    format!(
        "cannot make the namespaces that it needs: {}\n\
         hint: the worker needs CAP_SYS_ADMIN, a single user user namespaces (user.max_user_namespaces)",
        errno.desc()
    )
}

fn holds(profile: &Profile, host: &Host) -> Vec<Hold> {
    vec![
        files(profile, host),
        metadata(profile, host),
        network(profile, host),
        sockets(profile, host),
        signals(profile, host),
        memory(profile, host),
        tasks(profile, host),
        tree(host),
        Hold::new("system calls", "seccomp"),
        identity(profile, host),
    ]
}

fn files(profile: &Profile, host: &Host) -> Hold {
    let landlock = format!("Landlock ABI {}", host.abi);
    match isolated(profile) {
        true => Hold::new(
            "files",
            format!("{landlock}, and a root directory of what is granted"),
        ),
        false => Hold::new("files", landlock),
    }
}

/// What keeps mode, owner, times and attributes of files as they are, which Landlock
/// does not.
fn metadata(profile: &Profile, host: &Host) -> Hold {
    const WHAT: &str = "metadata";
    let user = match (&profile.run_as, host.single) {
        (RunAs::User { name, .. }, None) => format!("the rights of `{name}`"),
        (RunAs::Dynamic, _) => "the rights of a user of its own".to_owned(),
        (RunAs::Caller | RunAs::User { .. }, _) => "the caller's own rights".to_owned(),
    };
    match (isolated(profile), host.shut) {
        (true, _) => Hold::new(WHAT, "absence and read-only mounts"),
        (false, Shut::Prepared | Shut::Made) => {
            Hold::new(WHAT, format!("read-only mounts; who may look: {user}"))
        }
        (false, Shut::Never) => Hold::new(WHAT, user).but(
            "it may change mode, owner, times and attributes of all files that belong to its user: let mount \
             namespaces be made, by the service with CAP_SYS_ADMIN and CAP_SYS_CHROOT, by a single user in user \
             namespaces (user.max_user_namespaces)",
        ),
    }
}

fn network(profile: &Profile, host: &Host) -> Hold {
    let own = match profile.isolation.networks(&profile.network) {
        true => ", network namespace",
        false => "",
    };
    let by = match &profile.network {
        Network::Connect(_) => format!("seccomp, Landlock TCP ports (ABI {})", host.abi),
        Network::Full => "seccomp: TCP and UDP only".to_owned(),
        Network::None | Network::Unix | Network::Loopback | _ => format!("seccomp{own}"),
    };
    Hold::new("network", by)
}

/// Which Unix sockets can be connected to by name.
fn sockets(profile: &Profile, host: &Host) -> Hold {
    const WHAT: &str = "Unix sockets";
    const BY_NAME: u32 = 9;
    match &profile.network {
        Network::None => Hold::new(WHAT, "seccomp: none"),
        _ if isolated(profile) => Hold::new(WHAT, "absence of all others"),
        _ if host.abi >= BY_NAME => Hold::new(WHAT, "Landlock"),
        Network::Unix | Network::Loopback | Network::Connect(_) | Network::Full | _ => {
            Hold::new(WHAT, "file permissions").but(
                "it reaches every socket that file permissions open, not only `unix_sockets`: \
             use Linux 7.1, `strength = \"isolated\"`, or a user of its own (`run_as`)",
            )
        }
    }
}

fn signals(profile: &Profile, host: &Host) -> Hold {
    let mut by = Vec::new();
    if host.abi >= 6 {
        by.push("Landlock scopes");
    }
    if isolated(profile) {
        by.push("pid namespace");
    }
    if by.is_empty() {
        // `minimum_landlock` says that this is accepted, or nothing runs.
        by.push("the user's rights");
    }
    Hold::new("signals", by.join(", "))
}

fn memory(profile: &Profile, host: &Host) -> Hold {
    const WHAT: &str = "memory";
    if has(host, Controller::Memory) {
        return Hold::new(WHAT, "cgroup memory, of the whole tree");
    }
    let hold = Hold::new(WHAT, "RLIMIT_DATA, of each process");
    match accepts(profile) {
        true => hold,
        false => hold.but(
            "`memory_max` bounds one process, not the tree: delegate the cgroup controller `memory`, \
             or accept it with `minimum_cgroup = []`",
        ),
    }
}

fn tasks(profile: &Profile, host: &Host) -> Hold {
    const WHAT: &str = "tasks";
    if has(host, Controller::Pids) {
        return Hold::new(WHAT, "cgroup pids, of the whole tree");
    }
    let root = matches!(profile.run_as, RunAs::User { uid: 0, .. }) || host.single == Some(0);
    let hold = match root {
        true => Hold::new(WHAT, "nothing: the kernel does not count root's"),
        false => Hold::new(WHAT, "RLIMIT_NPROC, of the user"),
    };
    match accepts(profile) {
        true => hold,
        false => hold.but(
            "`tasks_max` does not count the command's alone: delegate the cgroup controller `pids`, \
             or accept it with `minimum_cgroup = []`",
        ),
    }
}

/// Whether the profile says which controllers it must have, and so that it can do
/// without the others.
fn accepts(profile: &Profile) -> bool {
    profile.cgroup.minimum.is_some()
}

fn has(host: &Host, controller: Controller) -> bool {
    match &host.containment {
        Ok(Containment::Cgroup(base)) => base.has(controller),
        Ok(Containment::PidNamespace { .. } | Containment::Subreaper) | Err(_) => false,
    }
}

fn tree(host: &Host) -> Hold {
    let name = host
        .containment
        .as_ref()
        .map_or("nothing", Containment::name);
    Hold::new("tree", name)
}

fn identity(profile: &Profile, host: &Host) -> Hold {
    let kept: Vec<&str> = profile.capabilities.iter().map(|one| one.name()).collect();
    let kept = match kept.as_slice() {
        [] => "no capability".to_owned(),
        kept => kept.join(" "),
    };
    let user = match (&profile.run_as, host.single) {
        (_, Some(_)) => "the user who starts it".to_owned(),
        (RunAs::Caller, None) => "the caller".to_owned(),
        (RunAs::Dynamic, None) => "a user of its own for each run".to_owned(),
        (RunAs::User { name, .. }, None) => format!("`{name}`"),
    };
    Hold::new("runs as", format!("{user}, {kept}"))
}

#[cfg(test)]
mod tests;
