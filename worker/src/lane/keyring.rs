//! The API keys as they are now: the file is read again whenever it is another one or
//! has changed, so a key that is revoked is refused from then on.

use crate::explain::explain;
use crate::worker::say;
use policy_files::Keys;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use wire::Secret;

/// The keys, and the state of the file that they were read from.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    keys: Keys,
    read: Option<Stamp>,
}

/// What is different whenever the file is: device, inode, size, and the time of the
/// last change in nanoseconds, which nobody can set back; see inode(7).
type Stamp = (u64, u64, u64, i64, i64);

impl Keyring {
    /// The name of `key`, if the file at `path` has it now.
    pub(super) fn name_of(&mut self, path: &Path, key: &Secret) -> Option<String> {
        self.refresh(path);
        self.keys.name_of(key.reveal()).map(str::to_owned)
    }

    /// Fails closed: what cannot be read has no keys, and is tried again.
    fn refresh(&mut self, path: &Path) {
        // Before it is read: a change in between shows the next time.
        let now = stamp(path).ok();
        if now.is_some() && now == self.read {
            return;
        }
        (self.keys, self.read) = match Keys::read(path) {
            Ok(keys) => (keys, now),
            Err(error) => {
                say(&explain(&error));
                (Keys::default(), None)
            }
        };
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let file = fs::symlink_metadata(path)?;
    Ok((
        file.dev(),
        file.ino(),
        file.size(),
        file.ctime(),
        file.ctime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_files::KeyEntry;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn write(path: &Path, names: &[&str]) {
        let mut keys = Keys::default();
        for name in names {
            keys.add(KeyEntry::new(name, name, "now").unwrap());
        }
        let new = path.with_extension("new");
        fs::write(&new, keys.to_text()).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, path).unwrap();
    }

    #[test]
    fn what_is_revoked_is_refused_at_once() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("keys");
        let mut keyring = Keyring::default();
        let mut known = |key: &str| keyring.name_of(&path, &Secret::new(key.to_owned()));
        assert_eq!(known("a"), None);
        write(&path, &["a", "b"]);
        assert_eq!(known("a").as_deref(), Some("a"));
        write(&path, &["b"]);
        assert_eq!(known("a"), None);
        assert_eq!(known("b").as_deref(), Some("b"));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(known("b"), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(known("b"), None);
    }
}
