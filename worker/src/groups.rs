//! The control groups of a lane's commands, one ahead: making one takes a good part of
//! a launch. The next is that of the last, or one made while nobody waits for it.

use crate::sandbox::cgroup::{Cgroup, CgroupError};
use crate::sandbox::containment::Containment;
use crate::sandbox::launch::Remains;
use crate::sandbox::settings::Setting;

/// Numbers the groups, whose names nobody has twice.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    made: u64,
    next: Option<Cgroup>,
}

impl Groups {
    /// A group with these `limits`, where groups hold commands.
    pub(crate) fn take(
        &mut self,
        containment: &Containment,
        limits: Vec<Setting>,
    ) -> Result<Option<Cgroup>, CgroupError> {
        let ready = self.next.take_if(|group| group.serves(&limits));
        let group = match ready {
            Some(group) => Some(group),
            None => self.make(containment)?,
        };
        let bounded = |mut group: Cgroup| group.bound(limits).map(|()| group);
        group.map(bounded).transpose()
    }

    /// Keeps the group that is left of a command, if the next one may have it.
    pub(crate) fn keep(&mut self, remains: Remains) {
        if self.next.is_none() {
            self.next = remains.renewed();
        }
    }

    /// Makes the next one ahead; whether that can be made is told to whom it is for.
    pub(crate) fn prepare(&mut self, containment: &Containment) {
        if self.next.is_none() {
            self.next = self.make(containment).ok().flatten();
        }
    }

    fn make(&mut self, containment: &Containment) -> Result<Option<Cgroup>, CgroupError> {
        self.made += 1;
        containment.group(self.made)
    }
}
