//! The granted trees, looked up and copied with the rights of the command's user.

use super::{Place, View};
use crate::sandbox::privilege;
use crate::sandbox::trace::trace;
use crate::sys::mount::{NO_DEVICES, NO_EXECUTE, NO_SUID, READ_ONLY, clone_tree};
use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use policy::Identity;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Where systems keep programs and shared libraries. What is read there may be mapped
/// for execution, as libraries must be; elsewhere only what is granted to execute.
pub(super) const SYSTEM: [&str; 9] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
];

/// A granted tree of the host's, or a file system of the view's own, and where it
/// belongs.
pub(super) struct Tree {
    pub(super) path: PathBuf,
    /// Its copy; `None` for one that is in its place already.
    pub(super) mounts: Option<OwnedFd>,
    pub(super) host: bool,
    pub(super) write: bool,
    pub(super) execute: bool,
    pub(super) device: bool,
}

/// Symbolic links, by their places and targets.
pub(super) type Links = Vec<(PathBuf, PathBuf)>;

impl Tree {
    pub(super) fn own(path: &str, mounts: OwnedFd) -> Self {
        Self {
            path: path.into(),
            mounts: Some(mounts),
            host: false,
            write: true,
            execute: false,
            device: false,
        }
    }

    /// What is written, or is anybody's, is not executed, by a loader or else, unless
    /// that is granted.
    pub(super) fn attributes(&self) -> u64 {
        let when = |yes, attribute| if yes { attribute } else { 0 };
        let library = !self.write && is_system(&self.path);
        NO_SUID
            | when(!self.device, NO_DEVICES)
            | when(!self.write, READ_ONLY)
            | when(!self.execute && !library, NO_EXECUTE)
    }
}

pub(super) fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// Whether what calls have in common is mounted already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Common {
    Missing,
    Mounted,
}

/// Copies what is granted; what the user himself cannot reach is left out.
pub(super) fn look_up(view: &View<'_>, common: Common) -> Result<(Vec<Tree>, Links), Errno> {
    let (mut trees, mut links) = (Vec::<Tree>::new(), Links::new());
    for place in view.system().iter().chain(&view.places) {
        let (file, path) = match find(place, &mut links) {
            Err(Errno::ENOENT | Errno::EACCES | Errno::ENOTDIR) if place.opened.is_none() => {
                continue;
            }
            found => found?,
        };
        if !view.wanted(place, &path) {
            continue;
        }
        let copied = common == Common::Missing || place.opened.is_some();
        let same = |tree: &&mut Tree| tree.path == path && tree.mounts.is_some() == copied;
        if let Some(same) = trees.iter_mut().find(same) {
            same.write |= place.write;
            same.execute |= place.execute;
            continue;
        }
        let mounts = copied.then(|| clone_tree(file.as_fd()));
        trees.push(Tree {
            mounts: mounts.transpose()?,
            path,
            host: true,
            write: place.write,
            execute: place.execute,
            device: place.device,
        });
    }
    Ok((trees, links))
}

fn find(place: &Place<'_>, links: &mut Links) -> Result<(OwnedFd, PathBuf), Errno> {
    let traced = trace(&place.path)
        .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = open(&traced.path, flags, Mode::empty())?;
    if let Some(opened) = place.opened {
        let (now, then) = (fstat(&file)?, fstat(opened)?);
        if (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino) {
            return Err(Errno::ESTALE);
        }
    }
    links.extend(traced.links);
    Ok((file, traced.path))
}

/// Looks files up as `identity` may, who is nobody else where there is none.
pub(super) fn with_rights_of<T>(
    identity: Option<&Identity>,
    look: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let Some(identity) = identity else {
        return look();
    };
    privilege::set_groups(identity)?;
    let search = Capability::CAP_DAC_READ_SEARCH;
    let had = caps::has_cap(None, CapSet::Effective, search).map_err(|_| Errno::last())?;
    // The kernel takes it from other users, but not from root.
    caps::drop(None, CapSet::Effective, search).map_err(|_| Errno::last())?;
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let (own_gid, own_uid) = (setfsgid(gid), setfsuid(uid));
    // They report no failure, so they are asked again.
    let became = setfsuid(uid) == uid && setfsgid(gid) == gid;
    let result = if became { look() } else { Err(Errno::EPERM) };
    setfsuid(own_uid);
    setfsgid(own_gid);
    if had {
        // Likewise: it gives back what it took, and nothing to root.
        caps::raise(None, CapSet::Effective, search).map_err(|_| Errno::last())?;
    }
    result
}

/// The trees that are to be mounted, each after those above it and with what is
/// granted of those as well.
pub(super) fn merged(mut trees: Vec<Tree>) -> Vec<Tree> {
    trees.sort_by(|one, other| one.path.cmp(&other.path));
    let mut done = Vec::<Tree>::new();
    for mut tree in trees {
        let above = done
            .iter()
            .filter(|above| tree.path.starts_with(&above.path));
        let above = above.max_by_key(|above| above.path.as_os_str().len());
        if let Some(above) = above.filter(|above| above.host && tree.host) {
            tree.write |= above.write;
            tree.execute |= above.execute;
            if tree.attributes() == above.attributes() {
                continue;
            }
        }
        done.push(tree);
    }
    done.retain(|tree| tree.mounts.is_some());
    done
}
