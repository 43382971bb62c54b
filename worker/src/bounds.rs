//! The worker's own privileges: no more capabilities than launching needs, and
//! none that could be gained, capabilities(7).

use crate::options::Mode;
use crate::sandbox::containment::Containment;
use crate::sandbox::privilege;
use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
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
    /// The kernel refuses to take privileges away.
    #[error("cannot drop capabilities")]
    Drop(#[from] CapsError),
    /// The kernel refuses to take privileges away.
    #[error("cannot forbid new privileges")]
    Kernel(#[source] Errno),
}

/// Bounds this process, and so every lane. Tells whether the bounding set is empty
/// now, which it cannot be made by a single user without privileges.
pub(crate) fn apply(mode: &Mode, containment: &Containment) -> Result<bool, BoundsError> {
    prctl::set_no_new_privs().map_err(BoundsError::Kernel)?;
    // Once here instead of once for each command, which inherits it: dropping all of
    // them costs as much as installing the system call filter.
    let bounded = privilege::drop_bounding_set().map_err(BoundsError::Kernel)?;
    if matches!(mode, Mode::System { .. }) {
        keep(&wanted(containment))?;
    }
    Ok(bounded)
}

fn keep(wanted: &[Capability]) -> Result<(), BoundsError> {
    let have = caps::read(None, CapSet::Permitted)?;
    if let Some(missing) = NEEDED
        .into_iter()
        .find(|capability| !have.contains(capability))
    {
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
    Ok(caps::set(None, CapSet::Permitted, &keep)?)
}

fn wanted(containment: &Containment) -> Vec<Capability> {
    // To find path arguments in directories that are closed to root's group and others.
    let mut wanted = [NEEDED.as_slice(), &[Capability::CAP_DAC_READ_SEARCH]].concat();
    if matches!(containment, Containment::PidNamespace { .. }) {
        // To make pid namespaces.
        wanted.push(Capability::CAP_SYS_ADMIN);
    }
    wanted
}
