//! The worker alone; this process takes the supervisor's place.

use crate::{ALICE, Front, Lane, Site, request};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use wire::{PolicyDigest, Status};

/// Connections to a worker, one for each tool, and a client to ask for.
#[derive(Debug)]
pub struct Direct {
    /// A lane launches commands under one filter, so as a supervisor does it keeps them apart.
    lanes: BTreeMap<String, Lane>,
    client: UnixStream,
    policy: PolicyDigest,
    /// Where the worker is.
    pub front: Front,
    _end: OwnedFd,
}

impl Direct {
    /// Starts a worker with `policy`, to launch `tools`.
    #[must_use]
    pub fn start(policy: &str, tools: &[&str]) -> Direct {
        let front = Front::of(Site::with(policy).apart());
        let (client, end) = front.client(ALICE);
        let greeted = |tool: &&str| ((*tool).to_owned(), Lane::greeted(&front.site));
        Direct {
            lanes: tools.iter().map(greeted).collect(),
            client,
            policy: front.site.digest(),
            front,
            _end: end,
        }
    }

    /// One launch of `tool`, from the request to the outcome, pipes included.
    ///
    /// # Panics
    /// When the command does not succeed, or the tool is none that there is a lane for.
    pub fn launch(&self, tool: &str) {
        let lane = self.lanes.get(tool).expect("a lane for it");
        let run = request(self.policy, tool, &[]);
        let pipes = lane.ask(run, Some(self.client.as_fd()));
        assert_eq!(lane.finished().status, Status::Exited(0));
        drop(pipes);
    }
}
