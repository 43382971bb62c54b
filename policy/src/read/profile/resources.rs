//! What a profile says of resources, in the words of systemd.exec(5) and
//! systemd.resource-control(5).

use super::super::fields::Fields;
use super::super::nearest::hint;
use super::chain::nearest;
use super::quantities::{percent, seconds};
use super::{KIB, MIB, Written};
use crate::{CgroupLimits, Containment, Controller, IoClass, ProcessLimits, Scheduling};
use std::collections::BTreeSet;

/// Highest share of processors: 64 of them.
const QUOTA_MAX: u32 = 6400;

/// With less, programs cannot be executed.
const STACK_MIN: u64 = 128 * KIB;

const SIZE_MAX: u64 = u64::MAX >> 1;

pub(super) fn limits(fields: &Fields<'_, '_>) -> ProcessLimits {
    ProcessLimits {
        cpu: seconds(fields, "limit_cpu"),
        stack: fields.size("limit_stack", STACK_MIN..=SIZE_MAX),
        memlock: fields.size("limit_memlock", 0..=SIZE_MAX),
        address_space: fields.size("limit_as", MIB..=SIZE_MAX),
    }
}

pub(super) fn scheduling(fields: &Fields<'_, '_>) -> Scheduling {
    let number = |key, max| fields.number(key, 0..=max).map(|number| number.value);
    let classes = [
        ("best-effort", IoClass::BestEffort),
        ("idle", IoClass::Idle),
    ];
    Scheduling {
        nice: number("nice", 19),
        oom_score_adjust: number("oom_score_adjust", 1000),
        io_class: fields.word("io_scheduling_class", &classes),
    }
}

pub(super) fn cgroup(fields: &Fields<'_, '_>) -> CgroupLimits {
    let weight = |key| fields.number(key, 1..=10_000).map(|number| number.value);
    CgroupLimits {
        cpu_quota: percent(fields, "cpu_quota", QUOTA_MAX),
        cpu_weight: weight("cpu_weight"),
        io_weight: weight("io_weight"),
        memory_high: fields.size("memory_high", MIB..=SIZE_MAX),
        memory_swap_max: fields.size("memory_swap_max", 0..=SIZE_MAX),
        minimum: minimum(fields),
    }
}

/// The weakest containment to accept; any has at least the weakest there is.
pub(super) fn containment(fields: &Fields<'_, '_>) -> Option<Containment> {
    let words = [Containment::PidNamespace, Containment::Cgroup].map(|one| (one.name(), one));
    fields.word("minimum_containment", &words)
}

fn minimum(fields: &Fields<'_, '_>) -> Option<BTreeSet<Controller>> {
    let names = fields.texts("minimum_cgroup")?;
    let mut controllers = BTreeSet::new();
    for name in &names.value {
        match Controller::ALL
            .into_iter()
            .find(|one| one.name() == name.value)
        {
            Some(controller) => drop(controllers.insert(controller)),
            None => {
                let message = format!("there is no controller `{}`", name.value);
                let known = Controller::ALL.map(Controller::name);
                fields
                    .reader
                    .note(&name.span, message, hint(name.value, known));
            }
        }
    }
    Some(controllers)
}

pub(super) fn nearest_limits(chain: &[&Written<'_, '_>]) -> ProcessLimits {
    ProcessLimits {
        cpu: nearest(chain, |one| one.limits.cpu),
        stack: nearest(chain, |one| one.limits.stack),
        memlock: nearest(chain, |one| one.limits.memlock),
        address_space: nearest(chain, |one| one.limits.address_space),
    }
}

pub(super) fn nearest_scheduling(chain: &[&Written<'_, '_>]) -> Scheduling {
    Scheduling {
        nice: nearest(chain, |one| one.scheduling.nice),
        oom_score_adjust: nearest(chain, |one| one.scheduling.oom_score_adjust),
        io_class: nearest(chain, |one| one.scheduling.io_class),
    }
}

pub(super) fn nearest_cgroup(chain: &[&Written<'_, '_>]) -> CgroupLimits {
    CgroupLimits {
        cpu_quota: nearest(chain, |one| one.cgroup.cpu_quota),
        cpu_weight: nearest(chain, |one| one.cgroup.cpu_weight),
        io_weight: nearest(chain, |one| one.cgroup.io_weight),
        memory_high: nearest(chain, |one| one.cgroup.memory_high),
        memory_swap_max: nearest(chain, |one| one.cgroup.memory_swap_max),
        minimum: nearest(chain, |one| one.cgroup.minimum.clone()),
    }
}
