//! Which system calls a command may make, in the words of systemd.exec(5).

mod groups;
mod names;
mod never;
mod numbers;

use groups::GROUPS;
use names::NAMES;
pub(crate) use never::never;
use std::collections::BTreeSet;

/// Names of system calls.
pub(crate) type Calls = BTreeSet<&'static str>;

/// The system calls of a profile: a start, and what differs from it. Looks at
/// arguments, such as which sockets `socket` makes, are the worker's and always hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct SystemCalls {
    /// Whether the start is the default list; otherwise it is empty.
    pub from_default: bool,
    /// Allowed beside that.
    pub added: BTreeSet<&'static str>,
    /// Not allowed, though the default list has them.
    pub removed: BTreeSet<&'static str>,
    /// What becomes of a call that is not allowed.
    pub refusal: Refusal,
}

impl Default for SystemCalls {
    fn default() -> Self {
        Self {
            from_default: true,
            added: Calls::new(),
            removed: Calls::new(),
            refusal: Refusal::NotPermitted,
        }
    }
}

impl SystemCalls {
    /// Every name that a policy can use, sorted.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// The number of the call `name` on this processor, which may not have it.
    #[must_use]
    pub fn number(name: &str) -> Option<u32> {
        numbers::number(name)
    }

    /// The name of the call `number` on this processor.
    #[must_use]
    pub fn name(number: u64) -> Option<&'static str> {
        numbers::name(number)
    }

    /// Why no profile can allow the call `name`; `None` when one can.
    #[must_use]
    pub fn never(name: &str) -> Option<&'static str> {
        never(name)
    }

    /// The groups that a policy can name and that stand for the call `name`, with all
    /// calls that each stands for.
    pub fn groups_with(name: &str) -> impl Iterator<Item = (&'static str, BTreeSet<&'static str>)> {
        let groups = GROUPS
            .iter()
            .filter_map(|(group, _)| Some((*group, allowable(group)?)));
        groups.filter(move |(_, calls)| calls.contains(name))
    }

    /// Begins anew, with what every program needs.
    pub(crate) fn replace(&mut self) {
        self.from_default = false;
        self.added = allowable("@default").unwrap_or_default();
        self.removed.clear();
    }

    /// The first call without which no command starts, or none could say why not.
    pub(crate) fn misses(&self) -> Option<&'static str> {
        let allowed = |call: &str| {
            let default = self.from_default && !self.removed.contains(call);
            default || self.added.contains(call)
        };
        ["execve", "exit_group", "write"]
            .into_iter()
            .find(|call| !allowed(call))
    }

    /// Allows `calls`.
    pub(crate) fn add(&mut self, calls: &Calls) {
        self.removed.retain(|call| !calls.contains(call));
        self.added.extend(calls);
    }

    /// Takes `calls` away.
    pub(crate) fn remove(&mut self, calls: &Calls) {
        self.added.retain(|call| !calls.contains(call));
        if self.from_default {
            self.removed.extend(calls);
        }
    }
}

/// What becomes of a system call that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It fails with `EPERM`.
    NotPermitted,
    /// It fails with `ENOSYS`, as on a kernel that does not have it.
    NotImplemented,
    /// The kernel kills the process with `SIGSYS`.
    Kill,
}

/// What `name` stands for: one call, or all of a group.
pub(crate) fn calls(name: &str) -> Option<Calls> {
    if !name.starts_with('@') {
        let known = NAMES.iter().find(|known| **known == name)?;
        return Some(Calls::from([*known]));
    }
    let (_, members) = GROUPS.iter().find(|(group, _)| *group == name)?;
    let calls = members.iter().filter_map(|member| calls(member));
    Some(calls.flatten().collect())
}

/// As [`calls`], but of a group only those that can be allowed without being named.
pub(crate) fn allowable(name: &str) -> Option<Calls> {
    let mut calls = calls(name)?;
    if name.starts_with('@') {
        calls.retain(|call| never(call).is_none() && !never::ALONE.contains(call));
    }
    Some(calls)
}

/// All that can be written: groups, then calls.
pub(crate) fn known() -> impl Iterator<Item = &'static str> + Clone {
    let groups = GROUPS.iter().map(|(group, _)| *group);
    groups.chain(NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_calls_and_groups_that_exist() {
        for (group, members) in GROUPS {
            for member in members {
                assert!(calls(member).is_some(), "{member} of {group}");
            }
        }
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn a_group_means_no_call_that_undoes_the_sandbox() {
        for (group, _) in GROUPS {
            let calls = allowable(group).unwrap();
            for call in [
                "bpf",
                "ptrace",
                "chroot",
                "unshare",
                "io_uring_setup",
                "keyctl",
                "mount",
            ] {
                assert!(!calls.contains(call), "{call} in {group}");
            }
        }
        let service = allowable("@system-service").unwrap();
        assert!(
            service.contains("execve") && service.contains("fchown") && service.contains("shmget")
        );
        assert!(calls("@debug").unwrap().contains("ptrace"));
        assert_eq!(allowable("ptrace"), Some(Calls::from(["ptrace"])));
        assert_eq!((calls("@no-such"), calls("no_such")), (None, None));
    }

    #[test]
    fn the_last_word_on_a_call_counts() {
        let (chown, fchown) = (calls("@chown").unwrap(), calls("fchown").unwrap());
        let mut list = SystemCalls::default();
        list.remove(&chown);
        list.add(&fchown);
        assert!(list.from_default && list.removed.contains("chown"));
        assert!(list.added.contains("fchown") && !list.removed.contains("fchown"));
        list.replace();
        assert!(list.removed.is_empty() && list.added.contains("execve"));
        assert!(!list.added.contains("fchown") && !list.from_default);
    }
}
