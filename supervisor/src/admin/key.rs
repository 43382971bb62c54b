//! `mini-mcp key`: makes API keys, lists and revokes them.
//!
//! A key is shown once, to whoever makes it, and kept nowhere: the file has digests,
//! which the worker alone reads. Each change replaces the file as a whole, so that a
//! worker sees the one or the other.

use super::options::{Key, KeyCommand};
use super::print;
use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nix::fcntl::{Flock, FlockArg};
use policy_files::{KEY_BYTES, KEY_PREFIX, KeyEntry, Keys};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Does what was asked for.
pub(crate) fn key(options: &Key) -> Result<(), Error> {
    match &options.command {
        KeyCommand::New { name, file } => new(&file.keys, name),
        KeyCommand::List { file } => list(&file.keys),
        KeyCommand::Revoke { name, file } => revoke(&file.keys, name),
    }
}

fn new(path: &Path, name: &str) -> Result<(), Error> {
    let key = random_key().map_err(Error::Random)?;
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let entry = KeyEntry::new(name, &key, &now).ok_or_else(|| Error::KeyName(name.to_owned()))?;
    change(path, |keys| {
        let added = keys.add(entry);
        added
            .then_some(())
            .ok_or_else(|| Error::KeyTaken(name.to_owned()))
    })?;
    print(&format!("{key}\n"))
}

fn list(path: &Path) -> Result<(), Error> {
    let keys = Keys::read(path)?;
    let line = |entry: &KeyEntry| format!("{}\t{}\n", entry.name, entry.created);
    print(&keys.iter().map(line).collect::<String>())
}

fn revoke(path: &Path, name: &str) -> Result<(), Error> {
    change(path, |keys| {
        let removed = keys.remove(name);
        removed
            .then_some(())
            .ok_or_else(|| Error::NoKey(name.to_owned()))
    })?;
    print(&format!("key {name} is revoked\n"))
}

/// A new key of the kernel's random source, random(4).
fn random_key() -> io::Result<String> {
    let mut bytes = [0; KEY_BYTES];
    File::open("/dev/random")?.read_exact(&mut bytes)?;
    Ok(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Replaces the file at `path` by what `alter` makes of it, one process at a time.
fn change(path: &Path, alter: impl FnOnce(&mut Keys) -> Result<(), Error>) -> Result<(), Error> {
    let failed = |source: io::Error| Error::WriteKeys {
        path: path.to_owned(),
        source,
    };
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = File::open(parent.unwrap_or(Path::new("."))).map_err(failed)?;
    let directory = Flock::lock(directory, FlockArg::LockExclusive)
        .map_err(|(_, errno)| failed(errno.into()))?;
    let mut keys = Keys::read(path)?;
    alter(&mut keys)?;
    replace(path, keys.to_text().as_bytes())
        .and_then(|()| directory.sync_all())
        .map_err(failed)
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = beside(path);
    // Left over from a process that was killed: nobody else is here now.
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// `path` with `.new` after its name.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_never_the_same() {
        let (one, other) = (random_key().unwrap(), random_key().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), KEY_PREFIX.len() + 43);
        let body = one.strip_prefix(KEY_PREFIX).unwrap();
        assert!(
            body.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
            "{one}"
        );
    }

    #[test]
    fn bytes_become_base64url() {
        for (bytes, text) in [
            (&b"\xff\xef\xbe"[..], "_---"),
            (b"Mini", "TWluaQ"),
            (b"MCP", "TUNQ"),
        ] {
            assert_eq!(URL_SAFE_NO_PAD.encode(bytes), text);
        }
    }
}
