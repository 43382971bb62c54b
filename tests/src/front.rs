//! The supervisor's place, taken by the test itself.

use crate::{FRONT, Site, SiteBuilder, User, connect_as};
use nix::sys::socket::SockType;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// A worker without supervisor: the test listens where clients connect.
#[derive(Debug)]
pub struct Front {
    /// The installation.
    pub site: Site,
    /// Where clients connect.
    pub listener: UnixListener,
}

impl Front {
    /// Starts the worker and listens.
    #[must_use]
    pub fn with(policy: &str) -> Front {
        Front::of(Site::with(policy))
    }

    /// The same, with a worker as it is built.
    #[must_use]
    pub fn of(built: SiteBuilder) -> Front {
        let site = built.worker_only();
        let listener = listen(&site.front());
        Front { site, listener }
    }

    /// Both ends of a connection that `user` made: the accepted one and the user's.
    ///
    /// # Panics
    /// When nobody connects.
    #[must_use]
    pub fn client(&self, user: User) -> (UnixStream, OwnedFd) {
        let end = connect_as(user, SockType::Stream, &self.site.front());
        let accepted = self.listener.accept().expect("somebody connected").0;
        (accepted, end)
    }
}

/// A listener that everybody may connect to and that belongs to the supervisor.
///
/// # Panics
/// When the address is taken.
#[must_use]
pub fn listen(path: &Path) -> UnixListener {
    let listener = UnixListener::bind(path).expect("the address is free");
    fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("ours");
    chown(path, Some(FRONT.uid()), Some(FRONT.gid())).expect("root may");
    listener
}
