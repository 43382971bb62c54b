//! A root directory into which trees are mounted.

use super::tree::{Tree, merged};
use crate::sys::mount::{attach, restrict};
use crate::sys::open_within;
use nix::errno::Errno;
use nix::fcntl::{OFlag, ResolveFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat, mkdirat};
use nix::unistd::symlinkat;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// A root directory that is being filled.
pub(super) struct Root {
    pub(super) top: OwnedFd,
    /// What is mounted, and whether it is the host's.
    placed: Vec<(PathBuf, bool)>,
}

impl Root {
    /// With nothing in it yet.
    pub(super) fn empty(top: OwnedFd) -> Self {
        Self {
            top,
            placed: Vec::new(),
        }
    }

    /// The host's, where everything is.
    pub(super) fn of_host(top: OwnedFd) -> Self {
        Self {
            top,
            placed: vec![(PathBuf::from("/"), true)],
        }
    }

    pub(super) fn add_all(&mut self, trees: Vec<Tree>) -> Result<(), Errno> {
        merged(trees).iter().try_for_each(|tree| self.add(tree))
    }

    pub(super) fn add(&mut self, tree: &Tree) -> Result<(), Errno> {
        let Some(mounts) = &tree.mounts else {
            return Ok(());
        };
        restrict(mounts.as_fd(), tree.attributes(), true)?;
        let kind = SFlag::from_bits_truncate(fstat(mounts)?.st_mode) & SFlag::S_IFMT;
        if !self.covers(&tree.path) {
            self.make(&tree.path, kind == SFlag::S_IFDIR)?;
        }
        attach(mounts.as_fd(), self.at(&tree.path)?.as_fd())?;
        self.placed.push((tree.path.clone(), tree.host));
        Ok(())
    }

    /// Whether `path` is in a tree of the host's, where nothing is ever made.
    pub(super) fn covers(&self, path: &Path) -> bool {
        let above = self
            .placed
            .iter()
            .filter(|(above, _)| path.starts_with(above));
        let nearest = above.max_by_key(|(above, _)| above.as_os_str().len());
        nearest.is_some_and(|(_, host)| *host)
    }

    /// The file at `path`, to which no symbolic link may lead.
    fn at(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let strict = ResolveFlag::RESOLVE_IN_ROOT
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        open_within(&self.top, path, (flags, Mode::empty()), strict)
    }

    /// Makes an empty directory or file, and the directories above.
    pub(super) fn make(&self, path: &Path, is_directory: bool) -> Result<(), Errno> {
        let mut above: Vec<&Path> = path
            .ancestors()
            .filter(|one| one.parent().is_some())
            .collect();
        above.reverse();
        for one in above {
            if one == path && !is_directory {
                let flags = OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                openat(
                    &self.top,
                    relative(one),
                    flags,
                    Mode::from_bits_truncate(0o444),
                )?;
                continue;
            }
            match mkdirat(&self.top, relative(one), Mode::from_bits_truncate(0o755)) {
                Err(Errno::EEXIST) => {}
                made => made?,
            }
        }
        Ok(())
    }

    /// Makes symbolic links; those in granted trees are there already.
    pub(super) fn link(&self, links: &[(PathBuf, PathBuf)]) -> Result<(), Errno> {
        for (link, target) in links {
            self.make(link.parent().unwrap_or(link), true)?;
            match symlinkat(target, &self.top, relative(link)) {
                Err(Errno::EEXIST) => {}
                made => made?,
            }
        }
        Ok(())
    }
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix(Component::RootDir).unwrap_or(path)
}
