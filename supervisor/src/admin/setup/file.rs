//! Files of clients: read, and replaced as a whole.
//!
//! A link is followed once, so that what it leads to is replaced and not the link. What
//! is there at the end is the former text or the new one, never a part; owner and mode
//! stay. Root changes no file of somebody else, who could have put a link there.

use super::error::SetupError;
use nix::unistd::geteuid;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Longest configuration that is read, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What is appended to the name of a file as it was.
const BEFORE: &str = ".before-mini-mcp";

/// A client's file as it was read, or where it would be.
#[derive(Debug)]
pub(super) struct ClientFile {
    /// Where it truly is.
    path: PathBuf,
    text: String,
    about: Option<Metadata>,
}

impl ClientFile {
    /// Reads the file at `path`; one that is not there is empty.
    pub(super) fn read(path: &Path) -> Result<Self, SetupError> {
        let failed = |source| SetupError::Read {
            path: path.to_owned(),
            source,
        };
        let path = match path.canonicalize() {
            Ok(path) => path,
            // A link that leads nowhere stays one.
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {
                return Ok(Self {
                    path: path.to_owned(),
                    text: String::new(),
                    about: None,
                });
            }
            Err(error) => return Err(failed(error)),
        };
        let (text, about) = contents(&path).map_err(failed)?;
        Ok(Self {
            path,
            text,
            about: Some(about),
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Has `text` in its place, and what was there beside it; where that is then.
    pub(super) fn replace(&self, text: &str, mode: u32) -> Result<Option<PathBuf>, SetupError> {
        let failed = |source| SetupError::Write {
            path: self.path.clone(),
            source,
        };
        let directory = self.path.parent().filter(|path| *path != Path::new(""));
        let directory = directory.unwrap_or(Path::new("."));
        if geteuid().is_root() && !self.is_roots(directory) {
            return Err(SetupError::NotOurs(self.path.clone()));
        }
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(mode | (mode & 0o444) >> 2);
        made.create(directory).map_err(failed)?;
        let before = self.about.is_some().then(|| beside(&self.path, BEFORE));
        if let Some(before) = &before {
            self.put(before, &self.text, mode).map_err(failed)?;
        }
        if !self.is_unchanged() {
            return Err(SetupError::Changed(self.path.clone()));
        }
        self.put(&self.path, text, mode).map_err(failed)?;
        let directory = File::open(directory).map_err(failed)?;
        directory.sync_all().map_err(failed)?;
        Ok(before)
    }

    fn is_roots(&self, directory: &Path) -> bool {
        let owner = self.about.as_ref().map(Metadata::uid);
        let there = directory.ancestors().find_map(|path| path.metadata().ok());
        let holder = there.map(|about| about.uid());
        owner.unwrap_or_default() == 0 && holder.unwrap_or_default() == 0
    }

    /// Whether nobody has written it since it was read: clients write their own files.
    fn is_unchanged(&self) -> bool {
        let now = fs::metadata(&self.path).ok();
        let mark = |about: &Metadata| {
            let changed = (about.mtime(), about.mtime_nsec());
            (about.ino(), about.size(), changed)
        };
        self.about.as_ref().map(mark) == now.as_ref().map(mark)
    }

    /// Replaces the file at `path`, with owner and mode of this one or, where it is new,
    /// this `mode`.
    fn put(&self, path: &Path, text: &str, mode: u32) -> io::Result<()> {
        let new = beside(path, &format!(".{}.new", std::process::id()));
        let written = self.write(&new, text, mode);
        let put = written.and_then(|()| fs::rename(&new, path));
        if put.is_err() {
            let _half_of_it = fs::remove_file(&new);
        }
        put
    }

    fn write(&self, path: &Path, text: &str, mode: u32) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let now = file.metadata()?;
        let mode = self.about.as_ref().map_or(mode, Metadata::mode);
        if let Some(about) = &self.about {
            let same = (about.uid(), about.gid()) == (now.uid(), now.gid());
            if !same {
                fchown(&file, Some(about.uid()), Some(about.gid()))?;
            }
        }
        file.set_permissions(Permissions::from_mode(mode & 0o7777))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

fn contents(path: &Path) -> io::Result<(String, Metadata)> {
    let mut options = OpenOptions::new();
    // Not held up by a FIFO.
    let file = options
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))?;
    Ok((text, about))
}

/// `path` with something after its name.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
