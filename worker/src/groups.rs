//! The control groups of a lane's commands, one ahead: making one takes a good part of
//! a launch, so the next is made while nobody waits for it.

use crate::sandbox::cgroup::{Cgroup, CgroupError};
use crate::sandbox::containment::Containment;

/// Numbers the groups, none of which is used twice.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    made: u64,
    next: Option<Cgroup>,
}

impl Groups {
    /// A fresh group, where groups hold commands.
    pub(crate) fn take(
        &mut self,
        containment: &Containment,
    ) -> Result<Option<Cgroup>, CgroupError> {
        match self.next.take() {
            Some(group) => Ok(Some(group)),
            None => self.make(containment),
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
