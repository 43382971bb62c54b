//! Opens the files that path arguments name: beneath the declared directory,
//! whatever symbolic links say, openat2(2).

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use policy::{Access, FileKind, PathGrant};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use thiserror::Error;

/// A path argument that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// The declared directory itself.
    #[error("cannot open directory `{0}`, which the policy declares")]
    Root(PathBuf, #[source] Errno),
    /// It does not exist, or cannot be reached without leaving the directory.
    #[error("cannot open `{path}`{}", escape(*.source))]
    Path {
        /// As the command would see it.
        path: PathBuf,
        /// What the kernel said.
        source: Errno,
    },
    /// It is something else than was declared.
    #[error("cannot use `{path}`: it is not {expected}")]
    Kind {
        /// As the command would see it.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
}

fn escape(errno: Errno) -> &'static str {
    let leaves = matches!(errno, Errno::EXDEV | Errno::ELOOP);
    if leaves {
        " without leaving its directory by a symbolic link"
    } else {
        ""
    }
}

/// An opened path argument.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Opened with `O_PATH`: names the file and gives no access to its content.
    pub descriptor: OwnedFd,
    /// What it may be used for.
    pub access: Access,
    /// Whether it is a directory.
    pub directory: bool,
}

/// Opens what `grant` names.
pub(crate) fn open_path(grant: &PathGrant) -> Result<Opened, OpenError> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = open(&grant.root, flags | OFlag::O_DIRECTORY, Mode::empty())
        .map_err(|errno| OpenError::Root(grant.root.clone(), errno))?;
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let failed = |source| OpenError::Path {
        path: grant.root.join(&grant.beneath),
        source,
    };
    let descriptor = openat2(&root, &grant.beneath, how).map_err(failed)?;
    let directory = check_kind(grant, fstat(&descriptor).map_err(failed)?)?;
    Ok(Opened {
        descriptor,
        access: grant.access,
        directory,
    })
}

/// Only files and directories: opening a device or a pipe has effects of its own.
fn check_kind(grant: &PathGrant, stat: FileStat) -> Result<bool, OpenError> {
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    let (file, directory) = (kind == SFlag::S_IFREG, kind == SFlag::S_IFDIR);
    let (fits, expected) = match grant.kind {
        FileKind::File => (file, "a regular file"),
        FileKind::Directory => (directory, "a directory"),
        FileKind::Any => (file || directory, "a regular file or a directory"),
    };
    if fits {
        Ok(directory)
    } else {
        Err(OpenError::Kind {
            path: grant.root.join(&grant.beneath),
            expected,
        })
    }
}
