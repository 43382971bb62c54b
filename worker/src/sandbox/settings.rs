//! What a profile writes into the files of a cgroup, cgroup-v2.rst of the kernel.

use policy::{CgroupLimits, Controller, Profile};
use std::collections::BTreeSet;

/// The period of `cpu.max`, in microseconds: the kernel's own.
const PERIOD: u64 = 100_000;

/// One file of a cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub file: &'static str,
    pub value: String,
    /// Whether a group without this file is an error.
    pub needed: bool,
}

/// The files to write where `controllers` are there. What needs one that is not is
/// refused before, see [`super::containment::Containment::missing`].
pub(super) fn settings(profile: &Profile, controllers: &BTreeSet<Controller>) -> Vec<Setting> {
    let CgroupLimits {
        cpu_quota,
        cpu_weight,
        io_weight,
        memory_high,
        memory_swap_max,
        ..
    } = &profile.cgroup;
    let quota = cpu_quota.map(|percent| format!("{} {PERIOD}", u64::from(percent) * PERIOD / 100));
    let text = |value: u64| Some(value.to_string());
    let swap = memory_swap_max.unwrap_or(0).to_string();
    let all = [
        (
            Controller::Memory,
            "memory.max",
            text(profile.memory_max),
            true,
        ),
        (
            Controller::Memory,
            "memory.high",
            memory_high.and_then(text),
            true,
        ),
        // The kernel may be built without, or count no swap.
        (
            Controller::Memory,
            "memory.swap.max",
            Some(swap),
            memory_swap_max.is_some(),
        ),
        (Controller::Memory, "memory.oom.group", text(1), true),
        (Controller::Pids, "pids.max", text(profile.tasks_max), true),
        (Controller::Cpu, "cpu.max", quota, true),
        (
            Controller::Cpu,
            "cpu.weight",
            cpu_weight.map(u64::from).and_then(text),
            true,
        ),
        (
            Controller::Io,
            "io.weight",
            io_weight.map(u64::from).and_then(text),
            true,
        ),
    ];
    let there = all
        .into_iter()
        .filter(|(one, ..)| controllers.contains(one));
    there
        .filter_map(|(_, file, value, needed)| {
            Some(Setting {
                file,
                value: value?,
                needed,
            })
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use policy::{Account, Accounts, Policy};

    struct Nobody;

    impl Accounts for Nobody {
        fn user(&self, _name: &str) -> Option<Account> {
            None
        }

        fn group(&self, _name: &str) -> Option<u32> {
            None
        }
    }

    /// A policy of one profile with `body`.
    pub(crate) fn policy(body: &str) -> Policy {
        let text = format!("version = 1\n[profile.p]\n{body}\n");
        Policy::parse("p", &text, &policy::Setting::System, &Nobody).unwrap()
    }

    fn written(body: &str, controllers: &[Controller]) -> Vec<String> {
        let policy = policy(body);
        let controllers = controllers.iter().copied().collect();
        let settings = settings(policy.profiles().next().unwrap(), &controllers);
        let each = settings.iter();
        each.map(|one| {
            format!(
                "{}={}{}",
                one.file,
                one.value,
                if one.needed { "" } else { "?" }
            )
        })
        .collect()
    }

    #[test]
    fn a_group_is_bounded_as_its_profile_says() {
        let body = "memory_max = '2M'\nmemory_high = '1M'\nmemory_swap_max = '4K'\ntasks_max = 3\n\
                    cpu_quota = '150%'\ncpu_weight = 20\nio_weight = 30";
        let expected = [
            "memory.max=2097152",
            "memory.high=1048576",
            "memory.swap.max=4096",
            "memory.oom.group=1",
            "pids.max=3",
            "cpu.max=150000 100000",
            "cpu.weight=20",
            "io.weight=30",
        ];
        assert_eq!(written(body, &Controller::ALL), expected);
    }

    #[test]
    fn what_is_not_written_is_left_to_the_kernel() {
        let expected = [
            "memory.max=536870912",
            "memory.swap.max=0?",
            "memory.oom.group=1",
            "pids.max=64",
        ];
        assert_eq!(written("", &Controller::ALL), expected);
        assert_eq!(written("", &[Controller::Pids]), ["pids.max=64"]);
        assert_eq!(written("", &[]), [""; 0]);
    }
}
