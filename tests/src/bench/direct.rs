//! The worker alone; this process takes the supervisor's place.

use crate::{ALICE, Front, Lane, Site, request};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use wire::{PolicyDigest, Status};

/// A connection to a worker, and a client to ask for.
#[derive(Debug)]
pub struct Direct {
    lane: Lane,
    client: UnixStream,
    policy: PolicyDigest,
    /// Where the worker is.
    pub front: Front,
    _end: OwnedFd,
}

impl Direct {
    /// Starts a worker with `policy`.
    #[must_use]
    pub fn start(policy: &str) -> Direct {
        let front = Front::of(Site::with(policy).apart());
        let (client, end) = front.client(ALICE);
        let lane = Lane::greeted(&front.site);
        Direct {
            lane,
            client,
            policy: front.site.digest(),
            front,
            _end: end,
        }
    }

    /// One launch of `tool`, from the request to the outcome, pipes included.
    ///
    /// # Panics
    /// When the command does not succeed.
    pub fn launch(&self, tool: &str) {
        let run = request(self.policy, tool, &[]);
        let pipes = self.lane.ask(run, Some(self.client.as_fd()));
        assert_eq!(self.lane.finished().status, Status::Exited(0));
        drop(pipes);
    }
}
