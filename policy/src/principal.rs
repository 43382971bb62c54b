//! Principals: whom the policy speaks of, as ids ready to compare.

use crate::network::Network;
use crate::quote::quoted;
use crate::{Caller, Claim, Key, Limits, Peer, Proof};
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

    /// Whether a caller with this `proof` is it, if his client says the right thing.
    pub(crate) fn may_match(&self, proof: &Proof) -> bool {
        self.alternatives.iter().any(|one| one.hold_for(proof))
    }

    /// Whether it depends on what clients say of themselves.
    pub(crate) fn believes_claims(&self) -> bool {
        self.alternatives.iter().any(|one| one.clients.is_some())
    }

    /// Whether somebody can be it by a key, who has no Unix user.
    pub(crate) fn takes_keys(&self) -> bool {
        self.alternatives.iter().any(|one| one.key.is_some())
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
    /// The caller has presented this key.
    pub(crate) key: Option<KeyCondition>,
    /// His client says that it is one of these.
    pub(crate) clients: Option<Clients>,
}

/// A key, and where it may be used from.
#[derive(Debug)]
pub(crate) struct KeyCondition {
    pub(crate) name: String,
    /// Empty for everywhere.
    pub(crate) from: Vec<Network>,
}

impl KeyCondition {
    fn holds(&self, key: &Key) -> bool {
        self.name == key.name && self.is_used_rightly(key)
    }

    fn is_used_rightly(&self, key: &Key) -> bool {
        self.from.is_empty() || self.from.iter().any(|network| network.holds(key.address))
    }
}

/// What a client may say of itself.
#[derive(Debug)]
pub(crate) struct Clients {
    /// One of these names; empty for any.
    pub(crate) names: Vec<String>,
    /// One of these versions; a final `*` stands for anything. Empty for any.
    pub(crate) versions: Vec<String>,
}

impl Clients {
    fn hold(&self, claim: &Claim) -> bool {
        let version = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => claim.version.starts_with(beginning),
            None => claim.version == *pattern,
        };
        (self.names.is_empty() || self.names.contains(&claim.name))
            && (self.versions.is_empty() || self.versions.iter().any(version))
    }

    /// A claim that holds.
    pub(crate) fn first(&self) -> Claim {
        let name = self.names.first().map_or("client", String::as_str);
        let version = self.versions.first().map_or("1", String::as_str);
        Claim {
            name: name.to_owned(),
            version: version.trim_end_matches('*').to_owned(),
        }
    }
}

impl Conditions {
    /// Whether nothing is asked that proves who the caller is.
    pub(crate) fn prove_nothing(&self) -> bool {
        !self.concern_users() && self.key.is_none()
    }

    /// Whether one of them is about Unix users.
    pub(crate) fn concern_users(&self) -> bool {
        self.users.is_some() || self.groups.is_some() || self.uids.is_some()
    }

    /// Which of them `caller` does not meet.
    pub(crate) fn misses(&self, caller: &Caller) -> Vec<String> {
        let proof = match &caller.proof {
            Proof::Peer(peer) => self.misses_of_peer(peer),
            Proof::Key(key) => self.misses_of_key(key),
        };
        let claim = self
            .clients
            .as_ref()
            .and_then(|clients| match &caller.claim {
                None => Some("the client does not say what it is".to_owned()),
                Some(claim) if !clients.hold(claim) => Some(format!(
                    "client {} {} is none of its clients",
                    quoted(&claim.name),
                    quoted(&claim.version)
                )),
                Some(_) => None,
            });
        proof.into_iter().chain(claim).collect()
    }

    fn misses_of_peer(&self, peer: &Peer) -> Vec<String> {
        let Peer {
            uid, gid, groups, ..
        } = peer;
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
            (self.key.is_some()).then(|| format!("uid {uid} has presented no key")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn misses_of_key(&self, key: &Key) -> Vec<String> {
        let Key { name, address } = key;
        let Some(condition) = &self.key else {
            return vec![format!("key {name} is no Unix user")];
        };
        [
            (condition.name != *name).then(|| format!("key {name} is not its key")),
            (!condition.is_used_rightly(key))
                .then(|| format!("{address} is in none of its networks")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whether `caller` meets all of them; nobody meets none.
    pub(crate) fn hold(&self, caller: &Caller) -> bool {
        let claimed = |clients: &Clients| {
            let claim = caller.claim.as_ref();
            claim.is_some_and(|claim| clients.hold(claim))
        };
        self.hold_for(&caller.proof) && self.clients.as_ref().is_none_or(claimed)
    }

    /// Whether a caller with this `proof` can meet them, if his client says the
    /// right thing.
    pub(crate) fn hold_for(&self, proof: &Proof) -> bool {
        match proof {
            Proof::Key(key) => self.key.as_ref().is_some_and(|one| one.holds(key)),
            Proof::Peer(_) if self.key.is_some() || !self.concern_users() => false,
            Proof::Peer(peer) => {
                let mut users = [&self.users, &self.uids].into_iter().flatten();
                let mut groups = self.groups.iter();
                users.all(|ids| ids.hold(peer.uid))
                    && groups
                        .all(|ids| ids.hold(peer.gid) || peer.groups.iter().any(|id| ids.hold(*id)))
            }
        }
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
        Caller::user(uid, gid, groups.to_vec())
    }

    #[test]
    fn all_conditions_must_hold() {
        let both = Conditions {
            users: Some(Ids::each([7, 5])),
            groups: Some(Ids::each([50])),
            uids: Some(Ids::new(vec![6..=9, 0..=5])),
            ..Conditions::default()
        };
        assert!(both.hold(&caller(5, 50, &[])));
        assert!(both.hold(&caller(7, 1, &[2, 50])));
        assert!(!both.hold(&caller(5, 1, &[2])));
        assert!(!both.hold(&caller(6, 50, &[50])));
        let apart = Conditions {
            users: Some(Ids::each([5])),
            uids: Some(Ids::each([6])),
            ..Conditions::default()
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
