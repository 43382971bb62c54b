//! A call that may wait for an administrator's approval: what its client hears
//! meanwhile, and that it takes no room from calls that run.

use super::Client;
use crate::lane::{LaneError, Lease};
use crate::telemetry::Stage;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wire::Reply;

/// Where a call stands.
#[derive(Debug)]
pub(crate) struct Standing {
    /// For what it waits, in words for its client.
    waits_for: watch::Sender<Option<String>>,
    turns: Arc<Semaphore>,
    turn: Mutex<Option<OwnedSemaphorePermit>>,
    /// What its trace shows meanwhile.
    stage: Mutex<Stage>,
}

impl Standing {
    /// A call of `client` that has not begun.
    pub(super) fn new(client: &Client) -> Self {
        Self {
            waits_for: watch::Sender::new(None),
            turns: Arc::clone(&client.running),
            turn: Mutex::default(),
            stage: Mutex::default(),
        }
    }

    /// It enters the stage `name`, which ends the one before.
    pub(super) fn enters(&self, name: &'static str) {
        self.leaves();
        *self.lock_stage() = Stage::begin(name);
    }

    /// The stage that it is in ends.
    pub(super) fn leaves(&self) {
        *self.lock_stage() = Stage::default();
    }

    fn lock_stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until its client may have one more command run; `false` when it never may.
    pub(super) async fn begin(&self) -> bool {
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let may = turn.is_some();
        self.keep(turn);
        may
    }

    /// What its client is told while it waits for somebody.
    pub(super) fn words(&self) -> Option<String> {
        self.waits_for.borrow().clone()
    }

    /// It waits for the user at the client, before it has begun.
    pub(super) fn asks(&self) {
        let words = "waiting for the confirmation of the user at the client";
        self.enters("confirm");
        self.waits_for.send_replace(Some(words.to_owned()));
    }

    /// It does so no longer.
    pub(super) fn heard(&self) {
        self.leaves();
        self.waits_for.send_replace(None);
    }

    /// Waits until it begins to wait, or goes on.
    pub(super) async fn changed(&self) {
        // The sender is here, so it is never closed.
        let _ = self.waits_for.subscribe().changed().await;
    }

    fn waits(&self, request: &str) {
        tracing::info!(approval = request, "call waits for approval");
        self.keep(None);
        self.enters("approval");
        let words = format!("waiting for an administrator's approval of request {request}");
        self.waits_for.send_replace(Some(words));
    }

    /// It may run by now, so it counts again, if there is room.
    fn goes_on(&self) {
        if self.waits_for.send_replace(None).is_some() {
            self.enters("launch");
            self.keep(Arc::clone(&self.turns).try_acquire_owned().ok());
        }
    }

    fn keep(&self, turn: Option<OwnedSemaphorePermit>) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }
}

/// The next reply on `lane` but that the call waits.
pub(super) async fn reply(lane: &mut Lease, standing: &Standing) -> Result<Reply, LaneError> {
    loop {
        let reply = lane.reply().await?;
        if let Reply::Waiting { id, .. } = reply {
            lane.pause();
            standing.waits(&id);
            continue;
        }
        if let Reply::Failed(failure) = &reply
            && failure.code == "stale_policy"
        {
            // Nothing ran: it is decided anew.
            return Err(LaneError::Stale);
        }
        lane.go_on();
        standing.goes_on();
        return Ok(reply);
    }
}
