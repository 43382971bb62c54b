//! Resource limits of each process, setrlimit(2): the floor that holds
//! everywhere. A cgroup with controllers bounds the whole tree as well.

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use policy::Profile;

/// The limits of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits(Vec<(Resource, rlim_t)>);

impl Limits {
    /// The limits of `profile`. `tasks_elsewhere` counts the tasks that the same
    /// user already runs, since the kernel counts `RLIMIT_NPROC` by user.
    pub(crate) fn new(profile: &Profile, tasks_elsewhere: u64) -> Self {
        Self(vec![
            (Resource::RLIMIT_CORE, 0),
            (Resource::RLIMIT_FSIZE, profile.limit_fsize),
            (Resource::RLIMIT_NOFILE, profile.limit_nofile),
            (
                Resource::RLIMIT_NPROC,
                profile.tasks_max.saturating_add(tasks_elsewhere),
            ),
            // Writable private memory; RLIMIT_AS would count what is only reserved,
            // which stops node, java and whatever uses a sanitizer.
            (Resource::RLIMIT_DATA, profile.memory_max),
        ])
    }

    /// Applies them to this process; a hard limit that is already lower stays.
    pub(super) fn apply(&self) -> Result<(), Errno> {
        for (resource, limit) in &self.0 {
            let (_, hard) = getrlimit(*resource)?;
            let limit = (*limit).min(hard);
            setrlimit(*resource, limit, limit)?;
        }
        Ok(())
    }
}
