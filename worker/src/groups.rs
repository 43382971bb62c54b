//! The control groups of a lane's commands, one ahead: making one takes a good part of
//! a launch. The next is that of the last, or one made while nobody waits for it.

use crate::sandbox::cgroup::{Cgroup, CgroupError};
use crate::sandbox::containment::Containment;
use crate::sandbox::settings::Setting;
use policy::Profile;

/// Numbers the groups, whose names nobody has twice.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    made: u64,
    next: Option<Cgroup>,
    /// Had other limits than the last command.
    unfit: Option<Cgroup>,
}

impl Groups {
    /// A group with the limits of `profile`, where groups hold commands.
    pub(crate) fn take(
        &mut self,
        containment: &Containment,
        profile: &Profile,
    ) -> Result<Option<Cgroup>, CgroupError> {
        let limits = containment.limits(profile);
        let group = match self.ready(&limits) {
            Some(group) => Some(group),
            None => self.make(containment)?,
        };
        let bounded = |mut group: Cgroup| group.bound(limits).map(|()| group);
        group.map(bounded).transpose()
    }

    /// The next one, if it has these `limits`, or none yet.
    fn ready(&mut self, limits: &[Setting]) -> Option<Cgroup> {
        let next = self.next.take()?;
        if next.serves(limits) {
            return Some(next);
        }
        // To be removed when nobody waits: who comes next is like the last, and not like
        // whoever that is of.
        self.unfit = Some(next);
        None
    }

    /// Keeps the group of a command that has ended for the next one, if there is one that
    /// it may have.
    pub(crate) fn keep(&mut self, renewed: Option<Cgroup>) {
        self.unfit = None;
        if self.next.is_none() {
            self.next = renewed;
        }
    }

    /// Whether there is a next one.
    pub(crate) fn is_prepared(&self) -> bool {
        self.next.is_some()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::cgroup::tests::{empty, limits};

    /// Else every command after one with other limits would have a group made for it.
    #[test]
    fn a_group_with_other_limits_makes_room() {
        let mut groups = Groups::default();
        let bounded = |limits: &[Setting]| {
            let (directory, mut group) = empty();
            group.bound(limits.to_vec()).expect("there are such files");
            (directory, group)
        };
        let (some, others) = (limits("tasks_max = 3"), limits("tasks_max = 4"));
        let ((_of_some, one), (_of_others, other)) = (bounded(&some), bounded(&others));
        groups.keep(Some(one));
        assert!(groups.ready(&others).is_none());
        groups.keep(Some(other));
        assert!(groups.ready(&others).is_some());

        // What is ready outlives a call that had no group.
        let (_fresh, fresh) = empty();
        groups.keep(Some(fresh));
        groups.keep(None);
        assert!(groups.ready(&some).is_some());
    }
}
