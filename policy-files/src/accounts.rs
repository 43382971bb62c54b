//! Names from the host's account database, getpwnam(3) and getgrnam(3).

use nix::unistd::{Group, User};
use policy::{Account, Accounts};

/// The account database of this host, through NSS.
#[derive(Debug, Clone, Copy)]
pub struct HostAccounts;

impl Accounts for HostAccounts {
    fn user(&self, name: &str) -> Option<Account> {
        let user = User::from_name(name).ok()??;
        Some(Account {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
        })
    }

    fn group(&self, name: &str) -> Option<u32> {
        Group::from_name(name).ok()?.map(|group| group.gid.as_raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_in_the_account_database() {
        let root = Account {
            uid: 0,
            gid: 0,
            home: "/root".into(),
        };
        assert_eq!(HostAccounts.user("root"), Some(root));
        assert_eq!(HostAccounts.group("root"), Some(0));
        assert_eq!(HostAccounts.user("no such user"), None);
    }
}
