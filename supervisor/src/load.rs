//! Reads a policy file: the door through which a policy enters the process.
//!
//! Owner and mode are checked on the descriptor that the text is then read
//! from, so nobody can put another file in between.

use crate::error::Error;
use nix::unistd::{Group, User};
use policy::{Account, Accounts, POLICY_MAX, Policy, PolicyFile, Setting, Shelf, Source};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Reads and checks the policy whose file is `path`, with its drop-ins and packs.
///
/// # Errors
/// A file that cannot be read, that somebody else could have written, or that
/// has mistakes.
pub(crate) fn load(path: &Path, packs: &Path, setting: &Setting) -> Result<Policy, Error> {
    Texts::read(&[path.to_owned()], packs, setting)?.parse(setting)
}

/// The files of one policy, read and not yet parsed.
#[derive(Debug)]
pub(crate) struct Texts(Vec<PolicyFile>);

impl Texts {
    /// Reads the files at `paths`, with their drop-ins and the packs they include.
    ///
    /// # Errors
    /// A file that cannot be read or that somebody else could have written.
    pub(crate) fn read(paths: &[PathBuf], packs: &Path, setting: &Setting) -> Result<Self, Error> {
        policy::gather(&Trusted(setting), paths, packs).map(Self)
    }

    /// A text that is no file.
    pub(crate) fn single(name: &str, text: &str) -> Self {
        Self(vec![PolicyFile::single(name, text)])
    }

    /// The files as the policy language takes them.
    pub(crate) fn sources(&self) -> Vec<Source<'_>> {
        self.0.iter().map(PolicyFile::source).collect()
    }

    /// The policy that they make, with the host's accounts.
    ///
    /// # Errors
    /// [`Error::Mistakes`] with all of them.
    pub(crate) fn parse(&self, setting: &Setting) -> Result<Policy, Error> {
        Policy::parse_files(&self.sources(), setting, &HostAccounts).map_err(Error::Mistakes)
    }
}

/// Files that nobody but the administrator could have written.
struct Trusted<'a>(&'a Setting);

impl Shelf for Trusted<'_> {
    type Error = Error;

    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, Error> {
        let unreadable = |source| Error::ReadPolicy {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_DIRECTORY);
        match options.open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            directory => trust(&directory.map_err(unreadable)?, path, self.0)?,
        }
        let entries = fs::read_dir(path).map_err(unreadable)?;
        let paths = entries.map(|entry| Ok(entry.map_err(unreadable)?.path()));
        paths.collect()
    }

    fn read(&self, path: &Path) -> Result<String, Error> {
        text(path, self.0)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

/// The text of the policy file at `path`.
fn text(path: &Path, setting: &Setting) -> Result<String, Error> {
    let unreadable = |source| Error::ReadPolicy {
        path: path.to_owned(),
        source,
    };
    let file = open(path).map_err(unreadable)?;
    trust(&file, path, setting)?;
    read(file).map_err(unreadable)
}

/// Parses a policy with the host's accounts.
///
/// # Errors
/// [`Error::Mistakes`] with all of them.
pub(crate) fn parse(name: &str, text: &str, setting: &Setting) -> Result<Policy, Error> {
    Texts::single(name, text).parse(setting)
}

/// `O_NONBLOCK`, so that a FIFO in the file's place cannot hold the process up.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

fn trust(file: &File, path: &Path, setting: &Setting) -> Result<(), Error> {
    let metadata = file.metadata().map_err(|source| Error::ReadPolicy {
        path: path.to_owned(),
        source,
    })?;
    policy::trusted(setting, metadata.uid(), metadata.mode()).map_err(|source| Error::Untrusted {
        path: path.to_owned(),
        source,
    })
}

fn read(file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(POLICY_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > POLICY_MAX {
        let message = format!("it has more than {POLICY_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// The account database of this host, through NSS.
pub(crate) struct HostAccounts;

impl Accounts for HostAccounts {
    fn user(&self, name: &str) -> Option<Account> {
        let user = User::from_name(name).ok().flatten()?;
        Some(Account {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
        })
    }

    fn group(&self, name: &str) -> Option<u32> {
        let group = Group::from_name(name).ok().flatten()?;
        Some(group.gid.as_raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;

    fn single_user() -> Setting {
        Setting::SingleUser {
            uid: nix::unistd::geteuid().as_raw(),
            workspace: "/".into(),
        }
    }

    #[test]
    fn a_directory_or_a_fifo_is_no_policy() {
        let scratch = tempfile::tempdir().unwrap();
        let refused = load(scratch.path(), Path::new("/packs"), &single_user()).unwrap_err();
        assert!(chain(&refused).ends_with("it is not a regular file"));

        let fifo = scratch.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let refused = load(&fifo, Path::new("/packs"), &single_user()).unwrap_err();
        assert!(chain(&refused).ends_with("it is not a regular file"));
    }

    #[test]
    fn a_policy_that_others_can_write_is_refused_unread() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("policy.toml");
        fs::write(&path, "not even toml [").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        let refused = load(&path, Path::new("/packs"), &single_user()).unwrap_err();
        assert!(matches!(refused, Error::Untrusted { .. }), "{refused:?}");
    }

    #[test]
    fn a_policy_of_unreasonable_size_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("policy.toml");
        fs::write(&path, "").unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(POLICY_MAX + 1).unwrap();
        let refused = load(&path, Path::new("/packs"), &single_user()).unwrap_err();
        assert!(chain(&refused).contains("more than"), "{refused:?}");
    }

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
