//! The key of the trail: signs its checkpoints, and digests what is secret in it.
//!
//! It stands in a file that the worker's user alone reads, or in a systemd
//! credential, and is made at the first start. Whoever has it can write the trail
//! anew, so no command may read that file, and lanes, which handle requests, drop it.

use super::file::sync_directory;
use super::hmac::hmac_sha256;
use super::json::hexadecimal;
use ed25519_compact::{KeyPair, Seed};
use nix::unistd::geteuid;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What a signature is made over begins with this, so that it can mean nothing else.
const PURPOSE: &[u8] = b"mini-mcp audit checkpoint 1\n";

/// Bytes of the secret that everything is derived from.
const SEED: usize = 32;

/// A key that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    /// It cannot be read, or not be made.
    #[error("cannot use audit key `{0}`")]
    File(PathBuf, #[source] io::Error),
    /// Others could know it.
    #[error(
        "cannot use audit key `{0}`: it must belong to the worker's user and be readable by nobody else\n\
         hint: chown root and chmod 600, or move it and its public key away to begin with a new one"
    )]
    Open(PathBuf),
    /// It is no key.
    #[error("cannot use audit key `{0}`: it is not 64 hexadecimal digits")]
    Malformed(PathBuf),
    /// Checkpoints of the past were signed by another one.
    #[error(
        "cannot use audit key `{0}`: `{1}` is the public key of another one\n\
         hint: restore the key, or keep the public key elsewhere to verify the past by, and remove it here"
    )]
    Other(PathBuf, PathBuf),
}

/// Two keys out of one secret.
pub(super) struct Key {
    pair: KeyPair,
    secrets: [u8; 32],
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Key").field(&self.public()).finish()
    }
}

impl Drop for Key {
    /// Lanes are copies of this process, and drop it first of all.
    fn drop(&mut self) {
        self.secrets.fill(0);
        std::hint::black_box(&self.secrets);
    }
}

impl Key {
    /// The key in the file `secret`, made if there is none, whose public half is in
    /// the file `public`.
    pub(super) fn load(secret: &Path, public: &Path) -> Result<Self, KeyError> {
        let failed = |error| KeyError::File(secret.to_path_buf(), error);
        let known = match fs::read_to_string(public) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(KeyError::File(public.to_path_buf(), error)),
        };
        let key = match read(secret) {
            Err(KeyError::File(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                if known.is_some() {
                    return Err(KeyError::Other(secret.to_path_buf(), public.to_path_buf()));
                }
                make(secret).map_err(failed)?;
                read(secret)?
            }
            result => result?,
        };
        match known {
            Some(text) if text.trim_end() == key.public() => {}
            Some(_) => return Err(KeyError::Other(secret.to_path_buf(), public.to_path_buf())),
            None => write_new(public, 0o644, &key.public())
                .map_err(|error| KeyError::File(public.to_path_buf(), error))?,
        }
        Ok(key)
    }

    /// A key that is forgotten: for a trail that goes where nothing is kept beside it.
    pub(super) fn passing() -> Result<Self, KeyError> {
        let source = PathBuf::from("/dev/urandom");
        match random() {
            Ok(seed) => Self::of(&seed).ok_or(KeyError::Malformed(source)),
            Err(error) => Err(KeyError::File(source, error)),
        }
    }

    /// `None` of zeros alone, which are no secret.
    fn of(seed: &[u8; SEED]) -> Option<Self> {
        Some(Self {
            pair: KeyPair::try_from_seed(Seed::new(*seed)).ok()?,
            secrets: hmac_sha256(seed, b"mini-mcp audit secrets 1"),
        })
    }

    /// What checks its signatures, in hexadecimal.
    pub(super) fn public(&self) -> String {
        hexadecimal(self.pair.pk.as_ref())
    }

    /// The Ed25519 signature over the beginning of a line, in hexadecimal.
    pub(super) fn sign(&self, line: &str) -> String {
        let signed = [PURPOSE, line.as_bytes()].concat();
        hexadecimal(self.pair.sk.sign(signed, None).as_ref())
    }

    /// HMAC-SHA256 of something secret, in hexadecimal: equal where it is equal, and
    /// of no use for guessing without the key.
    pub(super) fn digest(&self, secret: &str) -> String {
        hexadecimal(&hmac_sha256(&self.secrets, secret.as_bytes()))
    }
}

fn read(path: &Path) -> Result<Key, KeyError> {
    let failed = |error| KeyError::File(path.to_path_buf(), error);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let mine = [0, geteuid().as_raw()].contains(&about.uid());
    if !about.is_file() || !mine || about.mode() & 0o077 != 0 {
        return Err(KeyError::Open(path.to_path_buf()));
    }
    let mut text = String::new();
    file.take(128).read_to_string(&mut text).map_err(failed)?;
    let key = bytes(text.trim_end()).and_then(|seed| Key::of(&seed));
    key.ok_or_else(|| KeyError::Malformed(path.to_path_buf()))
}

fn make(path: &Path) -> io::Result<()> {
    write_new(path, 0o600, &hexadecimal(&random()?))
}

fn random() -> io::Result<[u8; SEED]> {
    let mut seed = [0; SEED];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}

/// Writes a file that is not there yet, whole or not at all.
fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    let written = file
        .write_all(format!("{text}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_directory(path));
    if written.is_err() {
        let _half_of_a_key = fs::remove_file(path);
    }
    written
}

fn bytes(hexadecimal: &str) -> Option<[u8; SEED]> {
    let mut bytes = [0; SEED];
    if hexadecimal.len() != 2 * SEED || !hexadecimal.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hexadecimal.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_once_and_closed() {
        let directory = tempfile::tempdir().unwrap();
        let (secret, public) = (directory.path().join("key"), directory.path().join("pub"));
        let first = Key::load(&secret, &public).unwrap().public();
        assert_eq!(fs::metadata(&secret).unwrap().mode() & 0o777, 0o600);
        assert_eq!(Key::load(&secret, &public).unwrap().public(), first);
        assert_eq!(fs::read_to_string(&public).unwrap().trim_end(), first);

        fs::set_permissions(&secret, PermissionsExt::from_mode(0o640)).unwrap();
        let error = Key::load(&secret, &public).unwrap_err();
        assert!(matches!(error, KeyError::Open(_)), "{error}");
    }

    #[test]
    fn it_is_not_replaced_in_silence() {
        let directory = tempfile::tempdir().unwrap();
        let (secret, public) = (directory.path().join("key"), directory.path().join("pub"));
        Key::load(&secret, &public).unwrap();
        fs::remove_file(&secret).unwrap();
        let error = Key::load(&secret, &public).unwrap_err();
        assert!(matches!(error, KeyError::Other(..)), "{error}");
        write_new(&secret, 0o600, &"1".repeat(64)).unwrap();
        let error = Key::load(&secret, &public).unwrap_err();
        assert!(matches!(error, KeyError::Other(..)), "{error}");
        for nonsense in ["no key".to_owned(), "0".repeat(64), "ü".repeat(32)] {
            fs::write(&secret, nonsense).unwrap();
            let error = Key::load(&secret, &public).unwrap_err();
            assert!(matches!(error, KeyError::Malformed(_)), "{error}");
        }
    }
}
