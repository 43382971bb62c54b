//! User ids that belong to one command each, as `DynamicUser=` of systemd.exec(5): the
//! first process gives them away with the start of a run and takes them back when
//! nothing of that is left.

use nix::unistd::{Gid, Group, Uid, User};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

/// The range of systemd, and of whoever follows it.
pub(crate) const SYSTEMD: RangeInclusive<u32> = 61_184..=65_519;

/// Where systemd keeps those that it has given away.
const GIVEN_BY_SYSTEMD: &str = "/run/systemd/dynamic-uid";

/// Those of a range, each in use by one run at most.
#[derive(Debug)]
pub(crate) struct FreshUsers {
    range: RangeInclusive<u32>,
    next: u32,
    used: BTreeSet<u32>,
}

impl FreshUsers {
    /// Those of `range`. They are given in turn, so that each rests as long as may be;
    /// `seed` says where to begin, so that a new worker does not begin with the same.
    pub(crate) fn new(range: RangeInclusive<u32>, seed: u32) -> Self {
        let count = range.end().saturating_sub(*range.start()).saturating_add(1);
        Self {
            next: range.start().saturating_add(seed % count),
            range,
            used: BTreeSet::new(),
        }
    }

    /// One that nobody has; `None` when there is none.
    pub(crate) fn take(&mut self) -> Option<u32> {
        self.take_unless(is_known)
    }

    fn take_unless(&mut self, known: impl Fn(u32) -> bool) -> Option<u32> {
        let later = self.next..=*self.range.end();
        let all = later.chain(*self.range.start()..self.next);
        let mut free = all.filter(|user| !self.used.contains(user) && !known(*user));
        let user = free.next()?;
        self.next = match user {
            last if last == *self.range.end() => *self.range.start(),
            user => user + 1,
        };
        self.used.insert(user);
        Some(user)
    }

    /// Whether any may be free; whom the host knows, only [`Self::take`] finds out.
    pub(crate) fn are_left(&self) -> bool {
        let all = self.range.end().saturating_sub(*self.range.start());
        u32::try_from(self.used.len()).is_ok_and(|used| used <= all)
    }

    /// Its run has ended.
    pub(crate) fn leave(&mut self, user: u32) {
        self.used.remove(&user);
    }
}

/// Whether the host knows a user or group of this id.
fn is_known(id: u32) -> bool {
    let absent = matches!(User::from_uid(Uid::from_raw(id)), Ok(None))
        && matches!(Group::from_gid(Gid::from_raw(id)), Ok(None));
    !absent || Path::new(GIVEN_BY_SYSTEMD).join(id.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_run_and_rests_as_long_as_may_be() {
        let mut users = FreshUsers::new(10..=12, 4);
        let mut take = |known: u32| users.take_unless(|user| user == known);
        assert_eq!([take(0), take(0)], [Some(11), Some(12)]);
        assert_eq!([take(10), take(0), take(0)], [None, Some(10), None]);
        users.leave(12);
        users.leave(11);
        assert_eq!(users.take_unless(|_| false), Some(11));
        users.leave(11);
        assert_eq!(users.take_unless(|_| false), Some(12));
        assert_eq!(users.take_unless(|_| false), Some(11));
    }

    #[test]
    fn whom_the_host_knows_is_not_given_away() {
        assert!(is_known(0));
        assert!(!is_known(3_999_999_999));
    }
}
