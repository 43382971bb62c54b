//! Whether a policy file can be believed: its owner and its mode, as fstat(2)
//! tells them of the open descriptor. Nothing is opened here.

use policy::Setting;
use thiserror::Error;

/// Write permission of the group and of others; see inode(7).
const OTHERS_WRITE: u32 = 0o022;

/// Any permission of the group and of others.
pub(crate) const OTHERS_ANY: u32 = 0o077;

/// Somebody else than the administrator could have written the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Untrusted {
    /// It belongs to this user id.
    #[error("the policy belongs to uid {0}\nhint: make root its owner, `chown root`")]
    Owner(u32),
    /// Its mode, as in `st_mode`, lets the group or others write.
    #[error(
        "the policy can be written by its group or by others, mode {:04o}\nhint: `chmod go-w`",
        .0 & 0o7777
    )]
    Mode(u32),
}

/// Checks the `owner` and `mode` (`st_mode`) of a policy file: root's or, for a
/// single user, his own, and not writable by group or others.
///
/// # Errors
/// [`Untrusted`] says which of the two is wrong.
pub(crate) fn trusted(setting: &Setting, owner: u32, mode: u32) -> Result<(), Untrusted> {
    let own = match setting {
        Setting::System => false,
        Setting::SingleUser { uid, .. } => owner == *uid,
    };
    if owner != 0 && !own {
        return Err(Untrusted::Owner(owner));
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(Untrusted::Mode(mode));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_or_the_single_user_may_own_a_policy() {
        let single = Setting::SingleUser {
            uid: 1000,
            workspace: "/w".into(),
        };
        assert_eq!(trusted(&Setting::System, 0, 0o100_644), Ok(()));
        assert_eq!(
            trusted(&Setting::System, 1000, 0o100_600),
            Err(Untrusted::Owner(1000))
        );
        assert_eq!(trusted(&single, 0, 0o100_644), Ok(()));
        assert_eq!(trusted(&single, 1000, 0o100_600), Ok(()));
        assert_eq!(
            trusted(&single, 1001, 0o100_600),
            Err(Untrusted::Owner(1001))
        );
    }

    #[test]
    fn nobody_else_may_write_a_policy() {
        for mode in [0o100_664, 0o100_646, 0o100_622] {
            let refused = trusted(&Setting::System, 0, mode);
            assert_eq!(refused, Err(Untrusted::Mode(mode)));
        }
        let text = Untrusted::Mode(0o100_664).to_string();
        assert!(text.contains("mode 0664\nhint: "), "{text}");
    }
}
