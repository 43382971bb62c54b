//! One policy and all that is made from it.
//!
//! A call takes the generation in force when it begins, and is decided and run
//! under that one alone; when the worker has gone on to the next meanwhile, the
//! call begins anew.

use super::confirm::Questions;
use super::schema::Catalogue;
use crate::lane::{Filters, Pool};
use crate::runs::Runs;
use crate::telemetry::Telemetry;
use policy::Policy;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::yield_now;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// How long a call waits for the next generation when the worker has it already.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells of each generation that comes into force.
pub(super) type Changes = watch::Receiver<Arc<Generation>>;

/// Whether a policy came into force that was asked for, or in words why not.
pub(crate) type Verdict = Result<Arc<Generation>, String>;

/// A policy, its tools as clients see them, and the lanes that run under it.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(super) policy: Policy,
    pub(super) catalogue: Catalogue,
    pub(super) pool: Arc<Pool>,
    /// Under which system call filters commands run.
    pub(super) filters: Filters,
}

impl Generation {
    /// The generation of `policy`, whose commands run in `pool`.
    pub(crate) fn new(policy: Policy, pool: Arc<Pool>) -> Self {
        Self {
            catalogue: Catalogue::new(&policy),
            filters: Filters::of(&policy),
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
    /// There is a reason to read the policy again.
    stale: Notify,
    /// Administrators who asked for it.
    asking: Mutex<Vec<oneshot::Sender<Verdict>>>,
    runs: Arc<Runs>,
    /// What is yet to be told of clients that are gone.
    farewells: TaskTracker,
    questions: Arc<Questions>,
    /// Where calls are traced and counted, if they are.
    telemetry: Option<Arc<Telemetry>>,
}

impl Front {
    /// A front that begins with `generation` and keeps output in `runs`, and what its
    /// clients are asked in `questions`.
    pub(crate) fn new(generation: Generation, runs: Arc<Runs>, questions: Questions) -> Self {
        Self {
            current: watch::Sender::new(Arc::new(generation)),
            stale: Notify::new(),
            asking: Mutex::default(),
            runs,
            farewells: TaskTracker::new(),
            questions: Arc::new(questions),
            telemetry: None,
        }
    }

    /// The same, which has its calls traced where there is a `telemetry`.
    pub(crate) fn traced_by(self, telemetry: Option<Arc<Telemetry>>) -> Self {
        Self { telemetry, ..self }
    }

    /// Where calls are traced, if they are.
    pub(super) fn telemetry(&self) -> Option<&Arc<Telemetry>> {
        self.telemetry.as_ref()
    }

    /// The runs of all principals.
    pub(super) fn runs(&self) -> &Arc<Runs> {
        &self.runs
    }

    /// What is yet to be told of clients that are gone.
    pub(crate) fn farewells(&self) -> &TaskTracker {
        &self.farewells
    }

    /// Does `work`, for which nobody waits, when the answers have been written that are
    /// ready now.
    pub(super) fn afterwards(&self, work: impl Future<Output = ()> + Send + 'static) {
        let work = async {
            // Until the events are looked at again, which is when nothing else is left.
            yield_now().await;
            work.await;
        };
        self.farewells.spawn(work.in_current_span());
    }

    /// What clients were asked and have not answered.
    pub(super) fn questions(&self) -> &Arc<Questions> {
        &self.questions
    }

    /// The generation in force.
    pub(crate) fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.current.borrow())
    }

    /// Puts `generation` in force for every call that begins from now on.
    pub(crate) fn replace(&self, generation: Arc<Generation>) {
        self.current.send_replace(generation);
    }

    /// Tells of every generation to come.
    pub(super) fn changes(&self) -> Changes {
        self.current.subscribe()
    }

    /// Waits until some call has found that the worker has another policy, or an
    /// administrator asks for the one that is in the files now.
    pub(crate) async fn stale(&self) {
        self.stale.notified().await;
    }

    /// Has the policy read again, from files that are read after this.
    pub(super) async fn reload(&self) -> Verdict {
        let (sender, verdict) = oneshot::channel();
        self.lock_asking().push(sender);
        self.stale.notify_one();
        let gone = |_| Err("the service is stopping".to_owned());
        verdict.await.unwrap_or_else(gone)
    }

    /// Those who asked before now and wait for the verdict.
    pub(crate) fn asking(&self) -> Vec<oneshot::Sender<Verdict>> {
        std::mem::take(&mut self.lock_asking())
    }

    fn lock_asking(&self) -> std::sync::MutexGuard<'_, Vec<oneshot::Sender<Verdict>>> {
        // What a panic left behind is whole: only pushes and takes happen under it.
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
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
