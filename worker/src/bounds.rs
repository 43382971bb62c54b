//! The worker's own privileges: no more capabilities than launching needs, and
//! none that could be gained, capabilities(7).

use crate::options::Mode;
use crate::sandbox::containment::Containment;
use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use thiserror::Error;

/// Without these no command can be launched as another user.
const NEEDED: [Capability; 4] = [
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
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
    NoNewPrivileges(#[source] Errno),
}

/// Bounds this process, and so every lane.
pub(crate) fn apply(mode: &Mode, containment: &Containment) -> Result<(), BoundsError> {
    prctl::set_no_new_privs().map_err(BoundsError::NoNewPrivileges)?;
    if matches!(mode, Mode::SingleUser { .. }) {
        return Ok(());
    }
    let have = caps::read(None, CapSet::Permitted)?;
    if let Some(missing) = NEEDED
        .into_iter()
        .find(|capability| !have.contains(capability))
    {
        return Err(BoundsError::Missing(missing));
    }
    let keep: CapsHashSet = wanted(containment)
        .filter(|capability| have.contains(capability))
        .collect();
    for capability in caps::all().difference(&keep) {
        caps::drop(None, CapSet::Bounding, *capability)?;
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &keep)?;
    caps::set(None, CapSet::Permitted, &keep)?;
    Ok(())
}

fn wanted(containment: &Containment) -> impl Iterator<Item = Capability> {
    // To make pid namespaces.
    let namespaces = matches!(containment, Containment::PidNamespace { .. })
        .then_some(Capability::CAP_SYS_ADMIN);
    // To find path arguments in directories that are closed to root's group and others.
    NEEDED
        .into_iter()
        .chain([Capability::CAP_DAC_READ_SEARCH])
        .chain(namespaces)
}
