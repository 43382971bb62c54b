//! Puts a new policy in force without losing a call: upon SIGHUP, when an
//! administrator asks for it, or when the worker turns out to have another.
//!
//! Supervisor and worker change together or not at all. The file is read here
//! first; then the worker reads it too and takes it only if it is the same; only
//! then does it come into force here. A file with a mistake changes nothing.

use crate::cli::Serve;
use crate::error::Error;
use crate::front::{Front, Generation, Verdict};
use crate::lane::{Door, Pool};
use crate::service::Manager;
use crate::tls::Tls;
use policy::{Policy, Setting};
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
    manager: Arc<Manager>,
    tls: Option<Arc<Tls>>,
    hangup: Signal,
}

impl Reloading {
    /// Begins to watch for SIGHUP.
    pub(crate) fn watch(
        options: &Serve,
        front: &Arc<Front>,
        manager: &Arc<Manager>,
        tls: Option<Arc<Tls>>,
    ) -> io::Result<Self> {
        Ok(Self {
            policy: options.policy.clone(),
            packs: options.packs.clone(),
            worker: options.worker.clone(),
            front: Arc::clone(front),
            manager: Arc::clone(manager),
            tls,
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
            // Before the files are read: who asks later wants them as they are then.
            let asking = self.front.asking();
            self.renew();
            let verdict = self.turn().await;
            for sender in asking {
                // One who has gone away meanwhile has no use for it.
                let _ = sender.send(verdict.clone());
            }
        }
    }

    /// Takes up the certificate as it is now, whatever becomes of the policy.
    fn renew(&self) {
        match self.tls.as_ref().map(|tls| tls.reload()) {
            Some(Ok(())) => tracing::info!("certificate loaded again"),
            Some(Err(error)) => {
                let reason = Error::from(error).text();
                tracing::error!(
                    code = "certificate_kept",
                    reason,
                    "the former certificate stays in use: {reason}"
                );
            }
            None => {}
        }
    }

    /// Puts the files as they are now in force, or leaves everything as it is.
    async fn turn(&self) -> Verdict {
        match self.next().await {
            Ok(generation) => {
                tracing::info!(policy = ?self.policy, "policy loaded again");
                self.manager.status(&state(generation.policy()));
                let generation = Arc::new(generation);
                self.front.replace(Arc::clone(&generation));
                Ok(generation)
            }
            Err(error) => {
                let text = error.text();
                tracing::error!(
                    code = "policy_kept",
                    "the former policy stays in force: {text}"
                );
                self.manager
                    .status(&format!("former policy in force: {error}"));
                Err(text)
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

/// What is served, in one line for the service manager.
pub(crate) fn state(policy: &Policy) -> String {
    let digest = policy.digest();
    let short: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("serving policy {short}")
}
