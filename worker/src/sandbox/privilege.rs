//! Ids and capabilities: dropped, then verified, then asked for again.
//! capabilities(7), credentials(7).

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::unistd::{self, Gid, Uid};
use policy::Identity;

/// Empties the bounding set where this process may, and tells whether it did: the
/// privileged worker when it starts, and a command in a user namespace of its own,
/// which begins with a full set. A single user's worker has none to lose.
pub(crate) fn drop_bounding_set() -> Result<bool, Errno> {
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)
        .map_err(|_| Errno::last())?
    {
        return Ok(false);
    }
    caps::clear(None, CapSet::Bounding).map_err(|_| Errno::last())?;
    Ok(true)
}

/// Exactly the supplementary groups of `identity`.
pub(super) fn set_groups(identity: &Identity) -> Result<(), Errno> {
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    unistd::setgroups(&groups)
}

/// Real, effective and saved group id.
pub(super) fn set_gid(identity: &Identity) -> Result<(), Errno> {
    let gid = Gid::from_raw(identity.gid);
    unistd::setresgid(gid, gid, gid)
}

/// Real, effective and saved user id.
pub(super) fn set_uid(identity: &Identity) -> Result<(), Errno> {
    let uid = Uid::from_raw(identity.uid);
    unistd::setresuid(uid, uid, uid)
}

/// Empties the ambient, effective, permitted and inheritable sets.
pub(super) fn drop_capabilities() -> Result<(), Errno> {
    for set in [
        CapSet::Ambient,
        CapSet::Effective,
        CapSet::Permitted,
        CapSet::Inheritable,
    ] {
        caps::clear(None, set).map_err(|_| Errno::last())?;
    }
    Ok(())
}

/// Reads back what the kernel made of it, and tries to become root again.
///
/// # Errors
/// `EPERM` when anything is left.
pub(super) fn verify(identity: Option<&Identity>, bounded: bool) -> Result<(), Errno> {
    let sets = [
        CapSet::Effective,
        CapSet::Permitted,
        CapSet::Inheritable,
        CapSet::Ambient,
    ];
    for set in sets.into_iter().chain(bounded.then_some(CapSet::Bounding)) {
        if !caps::read(None, set).map_err(|_| Errno::last())?.is_empty() {
            return Err(Errno::EPERM);
        }
    }
    if let Some(identity) = identity {
        verify_ids(identity)?;
    }
    let root = Uid::from_raw(0);
    if !unistd::getuid().is_root() && unistd::setresuid(root, root, root).is_ok() {
        return Err(Errno::EPERM);
    }
    Ok(())
}

fn verify_ids(identity: &Identity) -> Result<(), Errno> {
    let (uids, gids) = (unistd::getresuid()?, unistd::getresgid()?);
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let mut groups: Vec<u32> = unistd::getgroups()?.into_iter().map(Gid::as_raw).collect();
    let mut expected = identity.groups.clone();
    groups.sort_unstable();
    expected.sort_unstable();
    let same = [uids.real, uids.effective, uids.saved] == [uid; 3]
        && [gids.real, gids.effective, gids.saved] == [gid; 3]
        && groups == expected;
    if same { Ok(()) } else { Err(Errno::EPERM) }
}
