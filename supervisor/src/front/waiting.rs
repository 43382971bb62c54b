//! A call that may wait, for an administrator's approval or for a place: what its client
//! hears meanwhile, and that it takes no room from calls that run.

use super::Client;
use crate::lane::{LaneError, Lease};
use crate::telemetry::Stage;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wire::Reply;

/// What a call waits for.
#[derive(Debug)]
enum For {
    /// An administrator, who knows it by this name.
    Approval(String),
    /// A place, when so many others have had theirs.
    Place(u32),
}

/// Where a call stands.
#[derive(Debug)]
pub(crate) struct Standing {
    waiting: watch::Sender<Option<For>>,
    turns: Arc<Semaphore>,
    turn: Mutex<Option<OwnedSemaphorePermit>>,
    /// What its trace shows meanwhile.
    stage: Mutex<Stage>,
}

impl Standing {
    /// A call of `client` that has not begun.
    pub(super) fn new(client: &Client) -> Self {
        Self {
            waiting: watch::Sender::new(None),
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

    /// What its client is told while it waits.
    pub(super) fn words(&self) -> Option<String> {
        Some(match self.waiting.borrow().as_ref()? {
            For::Approval(id) => format!("waiting for an administrator's approval of request {id}"),
            For::Place(ahead) => format!("waiting for a place; {ahead} ahead"),
        })
    }

    /// Waits until it begins to wait, or goes on.
    pub(super) async fn changed(&self) {
        // The sender is here, so it is never closed.
        let _ = self.waiting.subscribe().changed().await;
    }

    fn waits(&self, what: For) {
        match &what {
            For::Approval(id) => tracing::info!(approval = id, "call waits for approval"),
            For::Place(ahead) => tracing::debug!(ahead, "call waits for a place"),
        }
        self.keep(None);
        match what {
            For::Approval(_) => self.enters("approval"),
            // It is told again how many are ahead.
            For::Place(_) if self.waits_for_a_place() => {}
            For::Place(_) => self.enters("queue"),
        }
        self.waiting.send_replace(Some(what));
    }

    fn waits_for_a_place(&self) -> bool {
        matches!(*self.waiting.borrow(), Some(For::Place(_)))
    }

    /// It may run by now, so it counts again, if there is room.
    fn goes_on(&self) {
        if self.waiting.send_replace(None).is_some() {
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
        let what = match reply {
            Reply::Waiting { id, .. } => For::Approval(id),
            Reply::Queued { ahead, .. } => For::Place(ahead),
            Reply::Welcome(_)
            | Reply::Started { .. }
            | Reply::Denied(_)
            | Reply::Failed(_)
            | Reply::Finished(_)
            | Reply::Recorded
            | Reply::Reloaded
            | Reply::Identified(_) => return begun(reply, lane, standing),
        };
        lane.pause();
        standing.waits(what);
    }
}

/// The reply that is no waiting.
fn begun(reply: Reply, lane: &mut Lease, standing: &Standing) -> Result<Reply, LaneError> {
    if let Reply::Failed(failure) = &reply
        && failure.code == "stale_policy"
    {
        // Nothing ran: it is decided anew.
        return Err(LaneError::Stale);
    }
    lane.go_on();
    standing.goes_on();
    Ok(reply)
}
