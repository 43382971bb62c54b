//! What this process and its kernel are.

use super::trial::{self, Trial};
use crate::explain::explain;
use crate::options::Preference;
use crate::sandbox::containment::Containment;
use crate::sandbox::namespaces::Shut;
use crate::sys;
use caps::{CapSet, CapsHashSet};
use nix::unistd::geteuid;

/// What the doctor knows; all else follows from it and the policy.
#[derive(Debug)]
pub(super) struct Host {
    /// Release of the kernel, uname(2).
    pub release: String,
    /// Effective user id of this process.
    pub uid: u32,
    /// The single user who would be served, if it is no service.
    pub single: Option<u32>,
    /// ABI of Landlock, 0 without.
    pub abi: u32,
    /// How trees would be held; without one, why not.
    pub containment: Result<Containment, String>,
    /// Why there is no cgroup, if there is none.
    pub no_cgroup: Option<String>,
    /// The capabilities this process has.
    pub capabilities: CapsHashSet,
    /// How it would be shut to commands in the default strength.
    pub shut: Shut,
    /// Whether attempts are made; a host that a test makes up has none.
    pub attempts: bool,
}

impl Host {
    /// This one.
    pub(super) fn look(preference: Preference, single: Option<u32>) -> Self {
        let chosen = Containment::choose(preference);
        let no_cgroup = match &chosen {
            Ok(Containment::Cgroup(_)) => None,
            Ok(Containment::PidNamespace { .. } | Containment::Subreaper) | Err(_) => {
                let cgroup = Containment::choose(Preference::Cgroup);
                cgroup.err().map(|error| explain(&error))
            }
        };
        let release = nix::sys::utsname::uname();
        let release = release.map(|name| name.release().to_string_lossy().into_owned());
        Self {
            release: release.unwrap_or_default(),
            uid: geteuid().as_raw(),
            single,
            abi: sys::landlock_abi(),
            containment: chosen.map_err(|error| explain(&error)),
            no_cgroup,
            capabilities: caps::read(None, CapSet::Permitted).unwrap_or_default(),
            shut: Shut::choose(),
            attempts: true,
        }
    }

    /// The flags with which this process makes `namespaces`: in a user namespace,
    /// where it has no privileges.
    pub(super) fn flags(&self, namespaces: i32) -> i32 {
        if self.uid == 0 {
            namespaces
        } else {
            namespaces | libc::CLONE_NEWUSER
        }
    }

    /// Whether this process may make `namespaces`.
    pub(super) fn makes(&self, namespaces: i32) -> Trial {
        match (self.attempts, namespaces) {
            (false, _) | (_, 0) => Ok(()),
            (true, some) => trial::inside(self.flags(some), || Ok(())),
        }
    }
}
