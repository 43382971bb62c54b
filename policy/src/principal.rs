//! Principals: whom the policy speaks of, as ids ready to compare.

use crate::{Caller, Limits};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A name for the callers that meet one of its alternatives.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) name: String,
    /// Its own conditions, then those of every principal it includes.
    pub(crate) alternatives: Vec<Arc<Conditions>>,
    /// For each caller who is this principal.
    pub(crate) limits: Limits,
}

impl Principal {
    /// Whether `caller` meets all conditions of one alternative.
    pub(crate) fn matches(&self, caller: &Caller) -> bool {
        self.alternatives.iter().any(|one| one.hold(caller))
    }
}

/// Conditions that hold together; `None` is no condition.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    /// The caller is one of these users.
    pub(crate) users: Option<Ids>,
    /// The caller is in one of these groups.
    pub(crate) groups: Option<Ids>,
    /// The caller's user id is one of these.
    pub(crate) uids: Option<Ids>,
}

impl Conditions {
    /// Whether there is none.
    pub(crate) fn are_none(&self) -> bool {
        self.users.is_none() && self.groups.is_none() && self.uids.is_none()
    }

    /// Which of them `caller` does not meet.
    pub(crate) fn misses(&self, caller: &Caller) -> Vec<String> {
        let Caller { uid, gid, groups } = caller;
        let user = |ids: &Ids| !ids.hold(*uid);
        let group = |ids: &Ids| !ids.hold(*gid) && !groups.iter().any(|id| ids.hold(*id));
        let all: Vec<u32> = std::iter::once(gid).chain(groups).copied().collect();
        [
            (self.users.as_ref().is_some_and(user))
                .then(|| format!("uid {uid} is none of its users")),
            (self.uids.as_ref().is_some_and(user))
                .then(|| format!("uid {uid} is in none of its ranges")),
            (self.groups.as_ref().is_some_and(group))
                .then(|| format!("gids {all:?} are none of its groups")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whether `caller` meets all of them; nobody meets none.
    pub(crate) fn hold(&self, caller: &Caller) -> bool {
        let mut users = [&self.users, &self.uids].into_iter().flatten();
        let mut groups = self.groups.iter();
        !self.are_none()
            && users.all(|ids| ids.hold(caller.uid))
            && groups
                .all(|ids| ids.hold(caller.gid) || caller.groups.iter().any(|id| ids.hold(*id)))
    }
}

/// Largest user id and group id; the one above means "none" in chown(2).
pub(crate) const ID_MAX: u32 = u32::MAX - 1;

/// A set of ids.
#[derive(Debug)]
pub(crate) struct Ids {
    /// Sorted; no two overlap or touch.
    ranges: Vec<RangeInclusive<u32>>,
    /// The first as written.
    first: Option<u32>,
}

impl Ids {
    pub(crate) fn new(mut ranges: Vec<RangeInclusive<u32>>) -> Self {
        let first = ranges.first().map(|range| *range.start());
        ranges.sort_unstable_by_key(|range| *range.start());
        let mut merged: Vec<RangeInclusive<u32>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if *range.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => merged.push(range),
            }
        }
        let ranges = merged;
        Self { ranges, first }
    }

    /// Each of `ids` by itself.
    pub(crate) fn each(ids: impl IntoIterator<Item = u32>) -> Self {
        Self::new(ids.into_iter().map(|id| id..=id).collect())
    }

    pub(crate) fn hold(&self, id: u32) -> bool {
        let after = self.ranges.partition_point(|range| *range.start() <= id);
        let before = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        before.is_some_and(|range| range.contains(&id))
    }

    /// The first as written.
    pub(crate) fn first(&self) -> Option<u32> {
        self.first
    }

    /// Each id, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().cloned().flatten()
    }

    /// Everything that is in one of `sets`.
    pub(crate) fn union<'a>(sets: impl Iterator<Item = &'a Self>) -> Self {
        Self::new(sets.flat_map(|set| set.ranges.iter().cloned()).collect())
    }

    /// The largest id that is not in the set.
    pub(crate) fn unnamed(&self) -> Option<u32> {
        match self.ranges.last() {
            // Ranges do not touch: what is before the last one is in none.
            Some(last) if last.contains(&ID_MAX) => last.start().checked_sub(1),
            _ => Some(ID_MAX),
        }
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
        let both = Conditions {
            users: Some(Ids::each([7, 5])),
            groups: Some(Ids::each([50])),
            uids: Some(Ids::new(vec![6..=9, 0..=5])),
        };
        assert!(both.hold(&caller(5, 50, &[])));
        assert!(both.hold(&caller(7, 1, &[2, 50])));
        assert!(!both.hold(&caller(5, 1, &[2])));
        assert!(!both.hold(&caller(6, 50, &[50])));
        let apart = Conditions {
            users: Some(Ids::each([5])),
            uids: Some(Ids::each([6])),
            groups: None,
        };
        assert!(!apart.hold(&caller(5, 5, &[])) && !apart.hold(&caller(6, 6, &[])));
    }

    #[test]
    fn without_conditions_nobody_matches() {
        assert!(!Conditions::default().hold(&caller(0, 0, &[0])));
        let nobody = Conditions {
            users: Some(Ids::each([])),
            ..Conditions::default()
        };
        assert!(!nobody.hold(&caller(0, 0, &[0])));
    }

    #[test]
    fn ranges_hold_what_is_in_one_of_them() {
        let ids = Ids::new(vec![
            10..=19,
            33..=33,
            15..=25,
            26..=27,
            u32::MAX..=u32::MAX,
        ]);
        assert_eq!(ids.first(), Some(10));
        assert_eq!(ids.unnamed(), Some(u32::MAX - 1));
        assert_eq!(ids.ranges, [10..=27, 33..=33, u32::MAX..=u32::MAX]);
        for id in [10, 19, 27, 33, u32::MAX] {
            assert!(ids.hold(id), "{id}");
        }
        for id in [0, 9, 28, 32, 34, u32::MAX - 1] {
            assert!(!ids.hold(id), "{id}");
        }
    }
    #[test]
    fn somebody_whom_nobody_names_is_found_when_there_is_one() {
        let unnamed = |ranges| Ids::new(ranges).unnamed();
        assert_eq!(unnamed(vec![]), Some(ID_MAX));
        assert_eq!(unnamed(vec![5..=ID_MAX, 0..=3]), Some(4));
        assert_eq!(unnamed(vec![ID_MAX..=ID_MAX, 0..=3]), Some(ID_MAX - 1));
        assert_eq!(unnamed(vec![0..=ID_MAX]), None);
    }
}
