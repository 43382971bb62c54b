//! Callers made up to be one principal, for examples: what its conditions leave
//! open is named by nobody.

use crate::network::Network;
use crate::principal::{Clients, Conditions, Ids, KeyCondition, Principal};
use crate::{Caller, Key, Login, Peer};
use std::net::{IpAddr, Ipv4Addr};
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
            let caller = match &conditions.key {
                Some(key) => Caller::from(with_key(key)),
                None => Caller::from(self.peer(conditions)?),
            };
            Some(caller.claiming(conditions.clients.as_ref().map(Clients::first)))
        })
    }

    fn peer(&self, conditions: &Conditions) -> Option<Peer> {
        let groups = conditions.groups.as_ref();
        let uid = self.user(conditions)?;
        Some(Peer {
            uid,
            gid: groups.map_or(self.gid, Ids::first)?,
            groups: Vec::new(),
            login: Some(Login {
                name: "somebody".to_owned(),
                home: "/home/somebody".into(),
            }),
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

/// A caller who uses `key` from where it may be used.
fn with_key(key: &KeyCondition) -> Key {
    let anywhere = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Key {
        name: key.name.clone(),
        address: key.from.first().map_or(anywhere, Network::first),
    }
}
