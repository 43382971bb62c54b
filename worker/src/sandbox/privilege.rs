//! Ids and capabilities: dropped, then verified, then asked for again.
//! capabilities(7), credentials(7).

use crate::sys;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::unistd::{self, Gid, Uid};
use policy::{Identity, Profile};

/// The capabilities that `profile` grants.
///
/// # Errors
/// `EINVAL` for one that this worker does not know.
pub(crate) fn granted(profile: &Profile) -> Result<CapsHashSet, Errno> {
    let names = profile.capabilities.iter();
    names
        .map(|one| one.name().parse().map_err(|_| Errno::EINVAL))
        .collect()
}

/// Takes all but `keep` out of the bounding set where this process may, and from user
/// id 0 what makes it more than others when a program is executed, and tells
/// whether it did: the privileged worker when it starts, a command of a worker that
/// kept some, and a command in a user namespace of its own, which begins with a full
/// set. A single user's worker has none to lose.
pub(crate) fn bound(keep: &CapsHashSet) -> Result<bool, Errno> {
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)
        .map_err(|_| Errno::last())?
    {
        return Ok(false);
    }
    let bounding = caps::read(None, CapSet::Bounding).map_err(|_| Errno::last())?;
    for capability in bounding.difference(keep) {
        sys::bound(capability.index())?;
    }
    sys::forget_root()?;
    Ok(true)
}

/// Exactly the supplementary groups of `identity`.
pub(crate) fn set_groups(identity: &Identity) -> Result<(), Errno> {
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    unistd::setgroups(&groups)
}

/// Real, effective and saved group id.
pub(crate) fn set_gid(identity: &Identity) -> Result<(), Errno> {
    let gid = Gid::from_raw(identity.gid);
    unistd::setresgid(gid, gid, gid)
}

/// Real, effective and saved user id. The permitted set stays as it is where
/// something of it is to be `kept`, until [`set_capabilities`].
pub(crate) fn set_uid(identity: &Identity, kept: &CapsHashSet) -> Result<(), Errno> {
    let uid = Uid::from_raw(identity.uid);
    let become_it = || unistd::setresuid(uid, uid, uid);
    if kept.is_empty() {
        // Nothing is kept unless that is asked for.
        return become_it();
    }
    sys::keep_capabilities(true)?;
    become_it()?;
    sys::keep_capabilities(false)
}

/// Leaves exactly `kept` in the ambient, effective, permitted and inheritable sets.
pub(crate) fn set_capabilities(kept: &CapsHashSet) -> Result<(), Errno> {
    // The ambient set is within two of the others, capabilities(7): nothing is left in it.
    if kept.is_empty() && has_exactly(kept)? {
        return Ok(());
    }
    caps::clear(None, CapSet::Ambient).map_err(|_| Errno::last())?;
    // Each set bounds the one after it; ambient ones must be in both of the last.
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::set(None, set, kept).map_err(|_| Errno::last())?;
    }
    for capability in kept {
        caps::raise(None, CapSet::Ambient, *capability).map_err(|_| Errno::last())?;
    }
    Ok(())
}

/// Whether `kept` is what is in the effective, the permitted and the inheritable set.
fn has_exactly(kept: &CapsHashSet) -> Result<bool, Errno> {
    let bits = kept.iter().fold(0, |bits, one| bits | one.bitmask());
    Ok(sys::capabilities()? == [bits; 3])
}

/// Reads back what the kernel made of it, and tries to become root again. `bounding`:
/// whether this process's bounding set and secure bits may be others than those of its
/// lane, which were verified when the worker began: the one cannot grow, the others are
/// locked.
///
/// # Errors
/// `EPERM` when anything but `kept` is left, or something of it is missing.
pub(crate) fn verify(
    identity: Option<&Identity>,
    kept: &CapsHashSet,
    bounding: bool,
) -> Result<(), Errno> {
    // The kernel keeps the ambient set within both of these, capabilities(7): where they
    // are empty it need not be asked for each capability there is.
    let ambient = (!kept.is_empty()).then_some(CapSet::Ambient);
    let more = ambient
        .into_iter()
        .chain(bounding.then_some(CapSet::Bounding));
    if !has_exactly(kept)? {
        return Err(Errno::EPERM);
    }
    for set in more {
        if caps::read(None, set).map_err(|_| Errno::last())? != *kept {
            return Err(Errno::EPERM);
        }
    }
    if bounding && !sys::has_forgotten_root()? {
        return Err(Errno::EPERM);
    }
    if let Some(identity) = identity {
        verify_ids(identity)?;
    }
    let root = Uid::from_raw(0);
    // Whom the policy lets become anybody can become root.
    let may = unistd::getuid().is_root() || kept.contains(&Capability::CAP_SETUID);
    if !may && unistd::setresuid(root, root, root).is_ok() {
        return Err(Errno::EPERM);
    }
    Ok(())
}

fn verify_ids(identity: &Identity) -> Result<(), Errno> {
    let (uids, gids) = (unistd::getresuid()?, unistd::getresgid()?);
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let mut expected = identity.groups.clone();
    let mut groups = sys::groups(expected.len())?;
    groups.sort_unstable();
    expected.sort_unstable();
    let same = [uids.real, uids.effective, uids.saved] == [uid; 3]
        && [gids.real, gids.effective, gids.saved] == [gid; 3]
        && groups == expected;
    if same { Ok(()) } else { Err(Errno::EPERM) }
}
