//! Makes the files that path arguments name: as the user whom the command runs
//! as, with his rights alone, and only where nothing is yet. A short-lived child
//! becomes that user; the lane itself never acts in a user's directory.

use crate::open::{beneath, open_root};
use crate::sandbox::privilege;
use crate::sys::{self, Fork, open_within};
use caps::CapsHashSet;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{self, Mode, fstat, mkdirat};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, UnlinkatFlags, unlinkat};
use policy::{FileKind, Identity, PathGrant};
use std::ffi::OsStr;
use std::path::Path;

/// Permission bits of a new file and of a new directory, less the umask.
const FILE: Mode = Mode::from_bits_truncate(0o666);
const DIRECTORY: Mode = Mode::from_bits_truncate(0o777);

/// Who makes it: `None` for a single user's worker, which already is that user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Maker<'a> {
    pub identity: Option<&'a Identity>,
    pub umask: Mode,
}

impl Maker<'_> {
    /// Makes what `grant` names; `Ok(false)` when it, or anything, is there already.
    pub(crate) fn make(self, grant: &PathGrant) -> Result<bool, Errno> {
        match self.become_and(|| make(grant)) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Removes what was made, as long as it is empty: its command never started.
    pub(crate) fn unmake(self, grant: &PathGrant) {
        // What cannot be removed harms nobody, and who was here since may keep it.
        let _left = self.become_and(|| unmake(grant));
    }

    /// Does `work` in a child that is the user.
    fn become_and(self, work: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
        match sys::fork(0, None)? {
            Fork::Child => {
                let result = self.become_user().and_then(|()| work());
                sys::exit(result.err().map_or(0, |errno| errno as i32))
            }
            Fork::Parent(process) => {
                let ended = sys::wait(Some(process.pid))?.ok_or(Errno::ECHILD)?.1;
                let status = WaitStatus::from_raw(Pid::from_raw(0), ended.status)?;
                let WaitStatus::Exited(_, code) = status else {
                    return Err(Errno::ECANCELED);
                };
                match code {
                    0 => Ok(()),
                    errno => Err(Errno::from_raw(errno)),
                }
            }
        }
    }

    fn become_user(self) -> Result<(), Errno> {
        // What the lane holds is none of the user's business.
        sys::close_from(3)?;
        stat::umask(self.umask);
        let none = CapsHashSet::new();
        if let Some(identity) = self.identity {
            privilege::set_groups(identity)?;
            privilege::set_gid(identity)?;
            privilege::set_uid(identity, &none)?;
        }
        privilege::set_capabilities(&none)?;
        privilege::verify(self.identity, &none, false)
    }
}

fn make(grant: &PathGrant) -> Result<(), Errno> {
    let root = open_root(grant)?;
    if grant.kind != FileKind::Directory {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        return open_within(&root, &grant.beneath, (flags, FILE), beneath()).map(drop);
    }
    let (parent, name) = split(grant)?;
    mkdirat(&open_parent(grant, parent)?, name, DIRECTORY)
}

fn unmake(grant: &PathGrant) -> Result<(), Errno> {
    let (parent, name) = split(grant)?;
    let parent = open_parent(grant, parent)?;
    if grant.kind == FileKind::Directory {
        // Refused by the kernel unless it is empty.
        return unlinkat(&parent, name, UnlinkatFlags::RemoveDir);
    }
    let how = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let found = open_within(&parent, name, (how, Mode::empty()), beneath())?;
    if fstat(found)?.st_size == 0 {
        unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir)?;
    }
    Ok(())
}

/// The directory and the last component; the root itself is never made.
fn split(grant: &PathGrant) -> Result<(&Path, &OsStr), Errno> {
    let name = grant.beneath.file_name().ok_or(Errno::EEXIST)?;
    let parent = grant.beneath.parent().filter(|path| *path != Path::new(""));
    Ok((parent.unwrap_or(Path::new(".")), name))
}

fn open_parent(grant: &PathGrant, parent: &Path) -> Result<std::os::fd::OwnedFd, Errno> {
    let how = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open_within(open_root(grant)?, parent, (how, Mode::empty()), beneath())
}
