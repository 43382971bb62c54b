//! Callers made up to be one principal, for examples: what its conditions leave
//! open is named by nobody.

use crate::Caller;
use crate::principal::{Conditions, Ids, Principal};
use std::sync::Arc;

/// A user id and a group id that no principal of the policy names, as far as
/// there are any.
pub(crate) struct Unnamed {
    uid: Option<u32>,
    gid: Option<u32>,
}

impl Unnamed {
    pub(crate) fn of(principals: &[Arc<Principal>]) -> Self {
        let all = || principals.iter().flat_map(|one| &one.alternatives);
        let users = all().flat_map(|one| [&one.users, &one.uids]).flatten();
        let groups = all().filter_map(|one| one.groups.as_ref());
        Self {
            uid: Ids::union(users).unnamed(),
            gid: Ids::union(groups).unnamed(),
        }
    }

    /// A caller who is `principal`, by its first conditions that somebody can meet.
    pub(crate) fn somebody(&self, principal: &Principal) -> Option<Caller> {
        let mut alternatives = principal.alternatives.iter();
        alternatives.find_map(|conditions| {
            let groups = conditions.groups.as_ref();
            Some(Caller {
                uid: self.user(conditions)?,
                gid: groups.map_or(self.gid, Ids::first)?,
                groups: Vec::new(),
            })
        })
    }

    /// The first user id that meets `conditions`.
    fn user(&self, conditions: &Conditions) -> Option<u32> {
        match (&conditions.users, &conditions.uids) {
            (None, None) => self.uid,
            (Some(ids), None) | (None, Some(ids)) => ids.first(),
            (Some(users), Some(uids)) => {
                let mut each = users.first().into_iter().chain(users.iter());
                each.find(|id| uids.hold(*id))
            }
        }
    }
}
