//! Principals: whom the policy speaks of, as ids ready to compare.

use crate::Caller;

/// A name for the callers that meet all its conditions.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) name: String,
    users: Option<Ids>,
    groups: Option<Ids>,
}

impl Principal {
    /// A principal for callers that are one of `users` and in one of `groups`;
    /// `None` is no condition.
    pub(crate) fn new(name: &str, users: Option<Vec<u32>>, groups: Option<Vec<u32>>) -> Self {
        Self {
            name: name.to_owned(),
            users: users.map(Ids::new),
            groups: groups.map(Ids::new),
        }
    }

    /// Whether `caller` meets all conditions; nobody meets none.
    pub(crate) fn matches(&self, caller: &Caller) -> bool {
        let user = self.users.as_ref().map(|users| users.hold(caller.uid));
        let group = self.groups.as_ref().map(|groups| {
            groups.hold(caller.gid) || caller.groups.iter().any(|group| groups.hold(*group))
        });
        match (user, group) {
            (None, None) => false,
            (user, group) => user.unwrap_or(true) && group.unwrap_or(true),
        }
    }
}

/// A set of ids, sorted.
#[derive(Debug)]
struct Ids(Vec<u32>);

impl Ids {
    fn new(mut ids: Vec<u32>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }

    fn hold(&self, id: u32) -> bool {
        self.0.binary_search(&id).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(uid: u32, gid: u32, groups: &[u32]) -> Caller {
        Caller {
            uid,
            gid,
            groups: groups.to_vec(),
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let both = Principal::new("both", Some(vec![7, 5]), Some(vec![50]));
        assert!(both.matches(&caller(5, 50, &[])));
        assert!(both.matches(&caller(7, 1, &[2, 50])));
        assert!(!both.matches(&caller(5, 1, &[2])));
        assert!(!both.matches(&caller(6, 50, &[50])));
    }

    #[test]
    fn without_conditions_nobody_matches() {
        assert!(!Principal::new("none", None, None).matches(&caller(0, 0, &[0])));
        assert!(!Principal::new("none", Some(vec![]), None).matches(&caller(0, 0, &[0])));
    }
}
