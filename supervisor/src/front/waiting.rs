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
    /// The request that waits, as an administrator knows it.
    request: watch::Sender<Option<String>>,
    turns: Arc<Semaphore>,
    turn: Mutex<Option<OwnedSemaphorePermit>>,
    /// What its trace shows meanwhile.
    stage: Mutex<Stage>,
}

impl Standing {
    /// A call of `client` that has not begun.
    pub(super) fn new(client: &Client) -> Self {
        Self {
            request: watch::Sender::new(None),
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

    /// What its client is told while it waits for an approval.
    pub(super) fn words(&self) -> Option<String> {
        let request = self.request.borrow();
        let id = request.as_ref()?;
        Some(format!(
            "waiting for an administrator's approval of request {id}"
        ))
    }

    /// Waits until it begins to wait, or goes on.
    pub(super) async fn changed(&self) {
        // The sender is here, so it is never closed.
        let _ = self.request.subscribe().changed().await;
    }

    fn waits(&self, request: String) {
        tracing::info!(approval = request, "call waits for approval");
        self.keep(None);
        self.enters("approval");
        self.request.send_replace(Some(request));
    }

    /// It may run by now, so it counts again, if there is room.
    fn goes_on(&self) {
        if self.request.send_replace(None).is_some() {
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
            standing.waits(id);
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
