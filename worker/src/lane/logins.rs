//! Who a user is by the account database, looked up once for each lane, and only
//! where the policy asks for it: a name service may be slow, and may be a network.

use nix::unistd::{Uid, User};
use policy::{Login, Peer};
use std::collections::HashMap;

/// Most users that a lane remembers.
const REMEMBERED: usize = 256;

/// Entries of the account database, by user id; `None` where there is none.
#[derive(Debug, Default)]
pub(super) struct Logins(HashMap<u32, Option<Login>>);

impl Logins {
    /// `peer` with his entry.
    pub(super) fn with(&mut self, peer: Peer) -> Peer {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let login = self.0.entry(peer.uid).or_insert_with(|| find(peer.uid));
        let login = login.clone();
        Peer { login, ..peer }
    }
}

fn find(uid: u32) -> Option<Login> {
    let User { name, dir, .. } = User::from_uid(Uid::from_raw(uid)).ok()??;
    Some(Login { name, home: dir })
}
