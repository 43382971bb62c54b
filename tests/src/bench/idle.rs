//! Clients that are there and say nothing.

use super::plan::Plan;
use super::report::Skipped;
use super::session::Session;
use crate::{ALICE, Site, connect_as};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::socket::SockType;
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Whoever is not answered within this time is not let in.
const PATIENCE: Duration = Duration::from_secs(30);

/// As many as a service lets in, which are gone when this is dropped.
pub(super) struct Idle {
    clients: Vec<UnixStream>,
    wanted: usize,
}

/// As many descriptors as `mini-mcp.service` has, for whoever is started from now on, where
/// that may be; else fewer clients are let in, which is told.
pub(super) fn allow_many() {
    const DESCRIPTORS: u64 = 65_536;
    let _fewer = setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS);
}

impl Idle {
    /// So many as `plan` wants at `site`.
    pub(super) fn at(site: &Site, plan: &Plan) -> Idle {
        let wanted = match plan.rounds {
            _ if plan.long => 10_000,
            few if few < 100 => 10,
            _ => 1000,
        };
        let clients = (0..wanted).map_while(|_| attach(site).ok()).collect();
        Idle { clients, wanted }
    }

    pub(super) fn count(&self) -> usize {
        self.clients.len()
    }

    /// What of it there is not.
    pub(super) fn missing(&self) -> Option<Skipped> {
        let (count, wanted) = (self.count(), self.wanted);
        (count < wanted).then(|| Skipped {
            what: format!("{wanted} idle clients"),
            why: format!("there was room for {count}: the limit of open files is the measure"),
        })
    }
}

/// One that has been initialized; of its descriptors, one is left.
fn attach(site: &Site) -> io::Result<UnixStream> {
    let socket = UnixStream::from(connect_as(ALICE, SockType::Stream, &site.front()));
    socket.set_read_timeout(Some(PATIENCE))?;
    Session::over(socket.try_clone()?)?;
    Ok(socket)
}
