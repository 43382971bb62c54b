//! The file of API keys: of each its name and a digest, never the key itself.
//!
//! A key is 256 bits of the kernel's random source, so one round of SHA-256 is all
//! that its digest needs: there is no likely key to try first, which is what slow
//! password hashes are against. A file that is not as it must be has no keys.

use crate::trust::OTHERS_ANY;
use nix::libc;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where the keys are, unless somebody says otherwise.
pub const KEYS: &str = "/etc/mini-mcp/keys";

/// What every key begins with, for scanners that look for leaked ones.
pub const KEY_PREFIX: &str = "mmcp_";

/// Random bytes in a key.
pub const KEY_BYTES: usize = 32;

/// Largest file, in bytes: thousands of keys.
const FILE_MAX: u64 = 1024 * 1024;

/// Longest name, in bytes.
const NAME_MAX: usize = 64;

/// What the file begins with when it is made.
const HEAD: &str = "# API keys of Mini MCP, by `mini-mcp key`: name, SHA-256, date. The keys themselves are not kept.\n";

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum KeysError {
    /// It cannot be opened or read.
    #[error("cannot read the keys in `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could read or write it.
    #[error("cannot trust the keys in `{}`: it is not root's alone\nhint: chown root, chmod 600", .0.display())]
    Shared(PathBuf),
    /// It is not as `mini-mcp key` writes it.
    #[error("cannot read line {line} of the keys in `{}`", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

/// One key, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// What the policy calls it.
    pub name: String,
    /// When it was made, in the words of whoever made it.
    pub created: String,
    digest: [u8; 32],
}

impl KeyEntry {
    /// The entry for `key` under `name`; `None` for a name that none can have.
    #[must_use]
    pub fn new(name: &str, key: &str, created: &str) -> Option<Self> {
        is_name(name).then(|| Self {
            name: name.to_owned(),
            created: created.to_owned(),
            digest: Sha256::digest(key).into(),
        })
    }
}

/// All keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<KeyEntry>);

impl Keys {
    /// Reads `path`; no keys where there is no file.
    ///
    /// # Errors
    /// [`KeysError`]: then no key is valid.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        match open(path) {
            Ok(file) => Self::read_from(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(read_error(path)(source)),
        }
    }

    fn read_from(file: File, path: &Path) -> Result<Self, KeysError> {
        let metadata = file.metadata().map_err(read_error(path))?;
        let owner = metadata.uid();
        let own = owner == 0 || owner == nix::unistd::geteuid().as_raw();
        if !metadata.is_file() || !own || metadata.mode() & OTHERS_ANY != 0 {
            return Err(KeysError::Shared(path.to_owned()));
        }
        let mut text = String::new();
        file.take(FILE_MAX + 1)
            .read_to_string(&mut text)
            .map_err(read_error(path))?;
        if text.len() as u64 > FILE_MAX {
            return Err(read_error(path)(io::ErrorKind::FileTooLarge.into()));
        }
        Self::parse(&text).map_err(|line| KeysError::Line {
            path: path.to_owned(),
            line,
        })
    }

    /// The keys in `text`, or the number of a line that is none.
    fn parse(text: &str) -> Result<Self, usize> {
        let mut keys = Self::default();
        for (number, line) in text.lines().enumerate() {
            if !line.starts_with('#') && !line.trim().is_empty() {
                let entry = entry(line).ok_or(number + 1)?;
                keys.add(entry).then_some(()).ok_or(number + 1)?;
            }
        }
        Ok(keys)
    }

    /// The file with these keys.
    #[must_use]
    pub fn to_text(&self) -> String {
        let line = |entry: &KeyEntry| {
            let digest: String = entry
                .digest
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("{} {digest} {}\n", entry.name, entry.created)
        };
        HEAD.to_owned() + &self.0.iter().map(line).collect::<String>()
    }

    /// Adds a key; false, and nothing done, when the name is taken.
    pub fn add(&mut self, entry: KeyEntry) -> bool {
        let free = self.0.iter().all(|other| other.name != entry.name);
        if free {
            self.0.push(entry);
        }
        free
    }

    /// Removes the key `name`; false when there is none.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|entry| entry.name != name);
        self.0.len() < before
    }

    /// All keys, in the order they were made.
    pub fn iter(&self) -> impl Iterator<Item = &KeyEntry> {
        self.0.iter()
    }

    /// The name of `key`, if it is valid. Takes as long whether or not it is, and
    /// whichever it is.
    #[must_use]
    pub fn name_of(&self, key: &str) -> Option<&str> {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let mut found = None;
        for entry in &self.0 {
            if same(&entry.digest, &digest) {
                found = Some(entry.name.as_str());
            }
        }
        found
    }
}

/// Compares without stopping at the first difference.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let difference = one.iter().zip(other).fold(0, |difference, (one, other)| {
        std::hint::black_box(difference | (one ^ other))
    });
    difference == 0
}

fn entry(line: &str) -> Option<KeyEntry> {
    let mut words = line.split(' ');
    let (name, digest, created) = (words.next()?, words.next()?, words.next()?);
    (is_name(name) && words.next().is_none()).then_some(())?;
    Some(KeyEntry {
        name: name.to_owned(),
        created: created.to_owned(),
        digest: bytes(digest)?,
    })
}

fn bytes(hexadecimal: &str) -> Option<[u8; 32]> {
    let digits = hexadecimal.as_bytes();
    let mut bytes = [0; 32];
    (digits.len() == 2 * bytes.len()).then_some(())?;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

/// Names of keys are those that a policy can write.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fits)
}

/// `O_NONBLOCK`, so that a FIFO in its place cannot hold the process up.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    options.open(path)
}

fn read_error(path: &Path) -> impl FnOnce(io::Error) -> KeysError {
    move |source| KeysError::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn two() -> Keys {
        let mut keys = Keys::default();
        for (name, key) in [("ci", "mmcp_one"), ("ops-2", "mmcp_two")] {
            assert!(keys.add(KeyEntry::new(name, key, "2026-01-02T03:04:05Z").unwrap()));
        }
        keys
    }

    #[test]
    fn a_key_is_known_by_its_digest_alone() {
        let text = two().to_text();
        assert!(!text.contains("mmcp_"), "{text}");
        let keys = Keys::parse(&text).unwrap();
        assert_eq!(keys, two());
        assert_eq!(keys.name_of("mmcp_two"), Some("ops-2"));
        for wrong in ["", "mmcp_", "mmcp_tw", "mmcp_twoo", "ci"] {
            assert_eq!(keys.name_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_has_one_key() {
        let mut keys = two();
        assert!(!keys.add(KeyEntry::new("ci", "mmcp_three", "now").unwrap()));
        assert!(keys.remove("ci") && !keys.remove("ci"));
        assert_eq!(keys.name_of("mmcp_one"), None);
        for name in ["", "a b", "a\n", "..", "é"] {
            assert_eq!(KeyEntry::new(name, "k", "now"), None, "{name:?}");
        }
    }

    #[test]
    fn one_bad_line_leaves_no_key() {
        let good = two().to_text();
        for line in [
            "x",
            "x 00 now",
            "ci zz now",
            &format!("a {} b c", "0".repeat(64)),
        ] {
            assert_eq!(Keys::parse(&format!("{good}{line}\n")), Err(4), "{line}");
        }
        let twice = format!("{good}{}", good.lines().nth(1).unwrap());
        assert_eq!(Keys::parse(&twice), Err(4));
    }

    #[test]
    fn a_file_that_others_can_read_has_no_keys() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("keys");
        assert_eq!(Keys::read(&path).unwrap(), Keys::default());
        fs::write(&path, two().to_text()).unwrap();
        for mode in [0o644, 0o640, 0o602] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(Keys::read(&path), Err(KeysError::Shared(_))),
                "{mode:o}"
            );
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Keys::read(&path).unwrap(), two());
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(Keys::read(&link), Err(KeysError::Read { .. })));
    }
}
