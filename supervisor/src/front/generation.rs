//! One policy and all that is made from it.
//!
//! A call takes the generation in force when it begins, and is decided and run
//! under that one alone; when the worker has gone on to the next meanwhile, the
//! call begins anew.

use super::schema::Catalogue;
use crate::lane::Pool;
use policy::Policy;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long a call waits for the next generation when the worker has it already.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells of each generation that comes into force.
pub(super) type Changes = watch::Receiver<Arc<Generation>>;

/// A policy, its tools as clients see them, and the lanes that run under it.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(super) policy: Policy,
    pub(super) catalogue: Catalogue,
    pub(super) pool: Arc<Pool>,
}

impl Generation {
    /// The generation of `policy`, whose commands run in `pool`.
    pub(crate) fn new(policy: Policy, pool: Arc<Pool>) -> Self {
        Self {
            catalogue: Catalogue::new(&policy),
            policy,
            pool,
        }
    }

    /// Its policy.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Its lanes.
    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }
}

/// What all clients share: the generation in force.
#[derive(Debug)]
pub(crate) struct Front {
    current: watch::Sender<Arc<Generation>>,
    stale: Notify,
}

impl Front {
    /// A front that begins with `generation`.
    pub(crate) fn new(generation: Generation) -> Self {
        Self {
            current: watch::Sender::new(Arc::new(generation)),
            stale: Notify::new(),
        }
    }

    /// The generation in force.
    pub(crate) fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.current.borrow())
    }

    /// Puts `generation` in force for every call that begins from now on.
    pub(crate) fn replace(&self, generation: Generation) {
        self.current.send_replace(Arc::new(generation));
    }

    /// Tells of every generation to come.
    pub(super) fn changes(&self) -> Changes {
        self.current.subscribe()
    }

    /// Waits until some call has found that the worker has another policy.
    pub(crate) async fn stale(&self) {
        self.stale.notified().await;
    }

    /// The generation after `former`, under which the worker refused a call; `None`
    /// when there is none in time.
    pub(super) async fn after(&self, former: &Arc<Generation>) -> Option<Arc<Generation>> {
        self.stale.notify_one();
        let mut changes = self.current.subscribe();
        let next = changes.wait_for(|current| !Arc::ptr_eq(current, former));
        let next = tokio::time::timeout(PATIENCE, next).await.ok()?.ok()?;
        Some(Arc::clone(&next))
    }
}
