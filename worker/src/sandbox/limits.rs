//! Resource limits of each process, setrlimit(2): the floor that holds
//! everywhere. A cgroup with controllers bounds the whole tree as well.

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use policy::{ProcessLimits, Profile};

/// The limits of one command, each with its soft and its hard value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits(Vec<(Resource, rlim_t, rlim_t)>);

/// The hard limits of this process, which commands inherit and cannot raise.
#[derive(Debug)]
pub(crate) struct Present(Vec<(Resource, rlim_t)>);

impl Present {
    /// Those of this moment.
    pub(crate) fn now() -> Self {
        let all = [
            Resource::RLIMIT_CORE,
            Resource::RLIMIT_FSIZE,
            Resource::RLIMIT_NOFILE,
            Resource::RLIMIT_NPROC,
            Resource::RLIMIT_DATA,
            Resource::RLIMIT_STACK,
            Resource::RLIMIT_MEMLOCK,
            Resource::RLIMIT_AS,
            Resource::RLIMIT_CPU,
        ];
        let read = |one| getrlimit(one).ok().map(|(_, hard)| (one, hard));
        Self(all.into_iter().filter_map(read).collect())
    }

    /// One that cannot be read does not bound: to exceed it fails where it is set.
    fn of(&self, resource: Resource) -> rlim_t {
        let known = self.0.iter().find(|(one, _)| *one == resource);
        known.map_or(rlim_t::MAX, |(_, hard)| *hard)
    }
}

impl Limits {
    /// The limits of `profile`, where a `present` one that is lower stays. `tasks_elsewhere`
    /// counts the tasks that the same user already runs, since the kernel counts
    /// `RLIMIT_NPROC` by user.
    pub(crate) fn new(profile: &Profile, tasks_elsewhere: u64, present: &Present) -> Self {
        let tasks = profile.tasks_max.saturating_add(tasks_elsewhere);
        let always = [
            // Not 0: a program that the kernel pipes dumps into would get it all the same,
            // core(5). No file is as small as this.
            (Resource::RLIMIT_CORE, 1),
            (Resource::RLIMIT_FSIZE, profile.limit_fsize),
            (Resource::RLIMIT_NOFILE, profile.limit_nofile),
            (Resource::RLIMIT_NPROC, tasks),
            // Writable private memory; RLIMIT_AS would count what is only reserved,
            // which stops node, java and whatever uses a sanitizer.
            (Resource::RLIMIT_DATA, profile.memory_max),
        ];
        let ProcessLimits {
            cpu,
            stack,
            memlock,
            address_space,
            ..
        } = profile.limits;
        let written = [
            (Resource::RLIMIT_STACK, stack),
            (Resource::RLIMIT_MEMLOCK, memlock),
            (Resource::RLIMIT_AS, address_space),
        ];
        let written = written
            .into_iter()
            .filter_map(|(resource, limit)| Some((resource, limit?)));
        let single = always.into_iter().chain(written);
        let mut all: Vec<_> = single
            .map(|(resource, limit)| (resource, limit, limit))
            .collect();
        // SIGXCPU first, for a program that wants to say so; then SIGKILL.
        all.extend(cpu.map(|seconds| (Resource::RLIMIT_CPU, seconds, seconds.saturating_add(1))));
        for (resource, soft, hard) in &mut all {
            let most = present.of(*resource);
            (*soft, *hard) = ((*soft).min(most), (*hard).min(most));
        }
        Self(all)
    }

    /// Applies all but that of descriptors to this process.
    pub(super) fn apply(&self) -> Result<(), Errno> {
        self.apply_those(|resource| resource != Resource::RLIMIT_NOFILE)
    }

    /// Applies that of descriptors: once no stage opens any, of which there may be more.
    pub(super) fn apply_to_descriptors(&self) -> Result<(), Errno> {
        self.apply_those(|resource| resource == Resource::RLIMIT_NOFILE)
    }

    fn apply_those(&self, wanted: impl Fn(Resource) -> bool) -> Result<(), Errno> {
        let those = self.0.iter().filter(|(resource, ..)| wanted(*resource));
        for (resource, soft, hard) in those {
            setrlimit(*resource, *soft, *hard)?;
        }
        Ok(())
    }
}
