//! Puts a new policy in force without losing a call: upon SIGHUP, or when the
//! worker turns out to have another.
//!
//! Supervisor and worker change together or not at all. The file is read here
//! first; then the worker reads it too and takes it only if it is the same; only
//! then does it come into force here. A file with a mistake changes nothing.

use crate::cli::Serve;
use crate::error::Error;
use crate::front::{Front, Generation};
use crate::lane::{Door, Pool};
use policy::Setting;
use policy_files::PolicyFiles;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a reload needs.
#[derive(Debug)]
pub(crate) struct Reloading {
    policy: PathBuf,
    packs: PathBuf,
    worker: PathBuf,
    front: Arc<Front>,
    hangup: Signal,
}

impl Reloading {
    /// Begins to watch for SIGHUP.
    pub(crate) fn watch(options: &Serve, front: &Arc<Front>) -> io::Result<Self> {
        Ok(Self {
            policy: options.policy.clone(),
            packs: options.packs.clone(),
            worker: options.worker.clone(),
            front: Arc::clone(front),
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Reloads whenever there is a reason.
    pub(crate) async fn run(mut self) -> Infallible {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {}
                () = self.front.stale() => {}
            }
            match self.next().await {
                Ok(generation) => {
                    tracing::info!(policy = ?self.policy, "policy loaded again");
                    self.front.replace(generation);
                }
                Err(error) => {
                    tracing::error!("the former policy stays in force");
                    error.report();
                }
            }
        }
    }

    async fn next(&self) -> Result<Generation, Error> {
        let policy =
            PolicyFiles::read_or_embedded(Some(&self.policy), &self.packs, &Setting::System)?
                .parse(&Setting::System)?;
        let digest = policy.digest();
        self.front.generation().pool().reload(digest).await?;
        let pool = Pool::new(Door::Socket(self.worker.clone()), digest);
        Ok(Generation::new(policy, Arc::new(pool)))
    }
}
