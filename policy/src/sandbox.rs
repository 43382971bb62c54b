//! What a command may use, in words.

use crate::profile::TIMEOUT_STOP;
use crate::quantity::{bytes, time};
use crate::{
    Access, Containment, Network, PathGrant, PathRule, Profile, Refusal, Strength, SystemCalls,
};
use std::time::Duration;

/// What `profile` and the paths of a call open.
pub(crate) fn sandbox(profile: &Profile, paths: &[PathGrant]) -> String {
    let Profile {
        memory_max,
        tasks_max,
        limit_fsize,
        ..
    } = profile;
    let mut words = vec![
        format!("may read {}", opened(&profile.read, paths, Access::Read)),
        format!("may write {}", opened(&profile.write, paths, Access::Write)),
        format!("may execute {}", executed(&profile.execute)),
        network(profile),
        format!("{} of memory", bytes(*memory_max)),
        format!("{tasks_max} tasks"),
        format!("files up to {}", bytes(*limit_fsize)),
        time(profile.timeout),
    ];
    words.extend(isolation(profile));
    words.extend(profile.tty.then(|| "a terminal of its own".to_owned()));
    words.extend(privileges(profile));
    words.extend(resources(profile));
    words.join(", ")
}

fn network(profile: &Profile) -> String {
    match &profile.network {
        Network::None => "no network".to_owned(),
        Network::Unix => "Unix sockets".to_owned(),
        Network::Loopback => "a loopback network of its own".to_owned(),
        Network::Connect(ports) => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            format!("TCP to port {}", ports.join(" "))
        }
        Network::Full => "the whole network".to_owned(),
    }
}

/// What of the host it does not see.
fn isolation(profile: &Profile) -> Option<String> {
    let size = bytes(profile.isolation.tmp_size);
    match profile.isolation.strength {
        Strength::Isolated => Some(format!("a root of its own with {size} of temporary files")),
        Strength::Default if profile.isolation.private_tmp => {
            Some(format!("a /tmp of its own with {size}"))
        }
        Strength::Default => None,
    }
}

/// What it has beyond, or short of, what every command has.
fn privileges(profile: &Profile) -> Vec<String> {
    let mut words = Vec::new();
    if !profile.capabilities.is_empty() {
        let names = profile.capabilities.iter().map(|one| one.name());
        words.push(format!(
            "capabilities {}",
            names.collect::<Vec<_>>().join(" ")
        ));
    }
    let SystemCalls {
        from_default,
        added,
        removed,
        refusal,
        ..
    } = &profile.system_calls;
    if !from_default {
        words.push(format!("{} system calls of its own list", added.len()));
    } else if !(added.is_empty() && removed.is_empty()) {
        let (added, removed) = (added.len(), removed.len());
        words.push(format!(
            "the default system calls and {added} more, less {removed}"
        ));
    }
    if *refusal == Refusal::Kill {
        words.push("killed by any other system call".to_owned());
    }
    words
}

/// Limits that only some profiles have.
fn resources(profile: &Profile) -> Vec<String> {
    let (limits, cgroup) = (&profile.limits, &profile.cgroup);
    let size = |size: Option<u64>, words: &str| Some(format!("{} {words}", bytes(size?)));
    let number = |number: Option<u32>, words: &str| Some(format!("{words} {}", number?));
    let cpu = limits.cpu.map(Duration::from_secs);
    let quota = cgroup.cpu_quota;
    let grace = Some(profile.timeout_stop).filter(|grace| *grace != TIMEOUT_STOP);
    let held = Some(profile.minimum_containment).filter(|held| *held > Containment::Subreaper);
    [
        held.map(|held| format!("held by a {} at least", held.name())),
        grace.map(|grace| format!("{} from SIGTERM to the kill", time(grace))),
        cpu.map(|cpu| format!("{} of processor time", time(cpu))),
        quota.map(|percent| format!("{percent}% of a processor")),
        number(cgroup.cpu_weight, "processor weight"),
        number(cgroup.io_weight, "disk weight"),
        size(cgroup.memory_high, "of memory before it slows down"),
        size(cgroup.memory_swap_max, "of swap"),
        size(limits.stack, "of stack"),
        size(limits.memlock, "of locked memory"),
        size(limits.address_space, "of address space"),
        number(profile.scheduling.nice, "nice"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn opened(rules: &[PathRule], paths: &[PathGrant], access: Access) -> String {
    let made = |path: &PathGrant| path.access == Access::Create && access == Access::Write;
    let granted = paths
        .iter()
        .filter(|path| path.access == access || made(path));
    let granted = granted.map(|path| path.path().display().to_string());
    let all: Vec<String> = rules.iter().map(shown).chain(granted).collect();
    match all.as_slice() {
        [] => "nothing".to_owned(),
        all => all.join(" "),
    }
}

fn executed(rules: &[PathRule]) -> String {
    let all: Vec<String> = rules.iter().map(shown).collect();
    match all.as_slice() {
        [] => "its program alone".to_owned(),
        all => format!("its program and {}", all.join(" ")),
    }
}

fn shown(rule: &PathRule) -> String {
    let path = rule.path.display();
    if rule.optional {
        format!("{path} (if it exists)")
    } else {
        path.to_string()
    }
}
