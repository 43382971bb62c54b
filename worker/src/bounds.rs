//! The worker's own privileges: no more capabilities than launching needs, and
//! none that could be gained, capabilities(7).

use crate::context::Trust;
use crate::doctor;
use crate::sandbox::containment::Containment;
use crate::sandbox::{namespaces, privilege};
use crate::sys;
use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use policy::{Network, Policy, Profile};
use thiserror::Error;

/// Without these no command can be launched as another user.
const NEEDED: [Capability; 3] = [
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    // To end commands of other users where no cgroup does it.
    Capability::CAP_KILL,
];

/// A worker that cannot confine itself.
#[derive(Debug, Error)]
pub(crate) enum BoundsError {
    /// It was started without enough privilege.
    #[error(
        "cannot launch commands as other users: {0} is missing\nhint: `serve` must be started as root"
    )]
    Missing(Capability),
    /// The policy grants what the worker does not have.
    #[error(
        "cannot grant {0} to commands: the worker does not have it\nhint: take it out of the policy, or let the \
         worker have it (under systemd, CapabilityBoundingSet=)"
    )]
    Ungrantable(Capability),
    /// The kernel refuses to take privileges away.
    #[error("cannot drop capabilities")]
    Drop(#[from] CapsError),
    /// The kernel refuses to take privileges away.
    #[error("cannot forbid new privileges")]
    Kernel(#[source] Errno),
}

/// The capabilities that profiles of `policy` grant, all together.
///
/// # Errors
/// `EINVAL` for one that this worker does not know.
pub(crate) fn granted(policy: &Policy) -> Result<CapsHashSet, Errno> {
    let mut all = CapsHashSet::new();
    for profile in policy.profiles() {
        all.extend(privilege::granted(profile)?);
    }
    Ok(all)
}

/// Which profiles of `policy` refuse every call on this machine, and why.
pub(crate) fn refusing(policy: &Policy, containment: &Containment) -> Vec<String> {
    let abi = sys::landlock_abi();
    let each = |profile: &Profile| {
        let name = profile.name.clone();
        let refusals = doctor::refusals(profile, abi, containment).into_iter();
        refusals.map(move |why| format!("profile `{name}` refuses every call: {why}"))
    };
    policy
        .profiles()
        .flat_map(|profile| each(profile))
        .collect()
}

/// The capabilities that the worker itself needs for namespaces of `policy`.
pub(crate) fn needed(policy: &Policy) -> CapsHashSet {
    let mut needed = CapsHashSet::new();
    for profile in policy.terms() {
        if namespaces::flags(profile) != 0 {
            needed.insert(Capability::CAP_SYS_ADMIN);
        }
        if profile.network == Network::Loopback {
            // To start the loopback interface.
            needed.insert(Capability::CAP_NET_ADMIN);
        }
    }
    needed
}

/// Bounds this process, and so every lane, but for what it is to grant to commands; a
/// single user without privileges has nothing to bound.
pub(crate) fn apply(
    trust: &Trust,
    grants: &CapsHashSet,
    needed: &CapsHashSet,
) -> Result<(), BoundsError> {
    prctl::set_no_new_privs().map_err(BoundsError::Kernel)?;
    grantable(grants)?;
    // Once here instead of once for each command, which inherits it: dropping all of
    // them costs as much as installing the system call filter.
    if privilege::bound(grants).map_err(BoundsError::Kernel)? {
        verify(grants)?;
    }
    if trust.single_user().is_none() {
        let wanted = [wanted(grants), needed.iter().copied().collect()].concat();
        keep(&wanted, grants)?;
    }
    Ok(())
}

/// Reads back what commands inherit: a bounding set, which can only shrink, and secure
/// bits, which are locked.
fn verify(grants: &CapsHashSet) -> Result<(), BoundsError> {
    let bounded = caps::read(None, CapSet::Bounding)?.is_subset(grants);
    if bounded && sys::has_forgotten_root().map_err(BoundsError::Kernel)? {
        Ok(())
    } else {
        Err(BoundsError::Kernel(Errno::EPERM))
    }
}

/// The first capability that the service cannot do without and that is not in `have`.
pub(crate) fn lacking(have: &CapsHashSet) -> Option<Capability> {
    NEEDED.into_iter().find(|one| !have.contains(one))
}

/// Whether this process has all that it is to grant, and may bound it.
fn grantable(grants: &CapsHashSet) -> Result<(), BoundsError> {
    let permitted = caps::read(None, CapSet::Permitted)?;
    let bounding = caps::read(None, CapSet::Bounding)?;
    let has = |one: &Capability| permitted.contains(one) && bounding.contains(one);
    let missing = grants.iter().find(|one| !has(one));
    let bounds = grants.is_empty() || permitted.contains(&Capability::CAP_SETPCAP);
    match missing {
        Some(missing) => Err(BoundsError::Ungrantable(*missing)),
        None if !bounds => Err(BoundsError::Missing(Capability::CAP_SETPCAP)),
        None => Ok(()),
    }
}

/// Keeps `wanted` as far as this process has it, and what it `grants` at hand but
/// without effect for itself.
fn keep(wanted: &[Capability], grants: &CapsHashSet) -> Result<(), BoundsError> {
    let have = caps::read(None, CapSet::Permitted)?;
    if let Some(missing) = lacking(&have) {
        return Err(BoundsError::Missing(missing));
    }
    let keep: CapsHashSet = wanted
        .iter()
        .copied()
        .filter(|capability| have.contains(capability))
        .collect();
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &keep)?;
    Ok(caps::set(None, CapSet::Permitted, &(&keep | grants))?)
}

fn wanted(grants: &CapsHashSet) -> Vec<Capability> {
    let own = [
        // To find path arguments in directories that are closed to root's group and others.
        Capability::CAP_DAC_READ_SEARCH,
        // To make mount namespaces, and pid namespaces where no cgroup holds a command.
        Capability::CAP_SYS_ADMIN,
        // To enter a mount namespace, setns(2).
        Capability::CAP_SYS_CHROOT,
    ];
    let mut wanted = [NEEDED.as_slice(), &own].concat();
    if !grants.is_empty() {
        // To bound each command to its own.
        wanted.push(Capability::CAP_SETPCAP);
    }
    wanted
}
