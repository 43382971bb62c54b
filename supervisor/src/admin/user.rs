//! Callers as they are typed: users of the account database, and keys.

use super::options::View;
use crate::error::Error;
use crate::peer;
use nix::unistd::{Uid, User};
use policy::{Caller, Claim, Key, Login, Peer};

impl View {
    /// Who calls: the user or the key that was named, or the one who asks.
    pub(super) fn caller(&self) -> Result<Caller, Error> {
        let caller = match (&self.user, &self.key) {
            (Some(user), _) => Caller::from(user_called(user)?),
            (None, Some(name)) => Caller::from(Key {
                name: name.clone(),
                address: self.from,
            }),
            (None, None) => {
                let own = peer::own();
                let login = peer::login(own.uid);
                Caller::from(Peer { login, ..own })
            }
        };
        Ok(caller.claiming(self.client.as_deref().map(claim)))
    }
}

/// `NAME/VERSION`, or a name.
fn claim(text: &str) -> Claim {
    let (name, version) = text.rsplit_once('/').unwrap_or((text, ""));
    Claim {
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

/// The user `text`, a name or else a user id, with all his groups.
fn user_called(text: &str) -> Result<Peer, Error> {
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
    Ok(Peer {
        uid,
        gid,
        groups: peer::account_groups(uid, gid).ok_or_else(unknown)?,
        login: Some(Login {
            name: user.name,
            home: user.dir,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_go_by_name_or_by_id() {
        let root = user_called("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(user_called("0").unwrap(), root);
    }

    #[test]
    fn who_has_no_account_is_nobody() {
        for text in ["no such user", "", "-1", "4294967295"] {
            let refused = user_called(text).unwrap_err();
            assert!(matches!(refused, Error::NoUser { .. }), "{text}");
        }
    }
}
