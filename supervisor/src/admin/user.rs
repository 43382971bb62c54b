//! Users as callers, by the account database.

use super::options::View;
use crate::error::Error;
use crate::peer;
use nix::unistd::{Uid, User};
use policy::Caller;

impl View {
    /// Who calls: the user that was named, or the one who asks.
    pub(super) fn caller(&self) -> Result<Caller, Error> {
        match &self.user {
            Some(user) => caller(user),
            None => Ok(peer::own()),
        }
    }
}

/// The user `text`, a name or else a user id, with all his groups.
fn caller(text: &str) -> Result<Caller, Error> {
    let unknown = || Error::NoUser {
        name: text.to_owned(),
    };
    let named = User::from_name(text).ok().flatten();
    let user = named.or_else(|| {
        let uid = Uid::from_raw(text.parse().ok()?);
        User::from_uid(uid).ok().flatten()
    });
    let user = user.ok_or_else(unknown)?;
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    let groups = peer::account_groups(uid, gid).ok_or_else(unknown)?;
    Ok(Caller { uid, gid, groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_go_by_name_or_by_id() {
        let root = caller("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(caller("0").unwrap(), root);
    }

    #[test]
    fn who_has_no_account_is_nobody() {
        for text in ["no such user", "", "-1", "4294967295"] {
            let refused = caller(text).unwrap_err();
            assert!(matches!(refused, Error::NoUser { .. }), "{text}");
        }
    }
}
