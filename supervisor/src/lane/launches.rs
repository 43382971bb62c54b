//! How many commands are launched at once.
//!
//! Whatever lanes do at the same time beyond what there are processors for, they do at each
//! other's expense: each finds the caches and the processors taken by the others. So few of
//! them begin at once, with the lanes that were busy last, and the others a moment later. It
//! bounds no command that has begun, and nothing that takes longer than a launch does.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A launch that takes longer does not count any more: it waits for something else than
/// processors, such as a file system that does not answer.
const SLOW: Duration = Duration::from_millis(50);

/// As many for each processor: while one lane waits for the first process, another goes on.
const EACH: usize = 2;

static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| available_parallelism().map_or(1, usize::from));

/// Room for launches.
#[derive(Debug)]
pub(super) struct Launches {
    room: Arc<Semaphore>,
    /// Those that have it, the first one first.
    under_way: Mutex<VecDeque<(Instant, Weak<Launch>)>>,
}

/// A launch, until it is dropped.
#[derive(Debug)]
pub(super) struct Launch(Mutex<Option<OwnedSemaphorePermit>>);

impl Launches {
    /// Room for as many as there are processors for.
    pub(super) fn new() -> Self {
        Self::of(EACH * *PROCESSORS)
    }

    fn of(most: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(most)),
            under_way: Mutex::default(),
        }
    }

    /// Waits for room, in the order of those who ask.
    pub(super) async fn begin(&self) -> Arc<Launch> {
        let mut room = pin!(Arc::clone(&self.room).acquire_owned());
        loop {
            match timeout(SLOW, &mut room).await {
                Ok(room) => return self.begun(room.ok()),
                Err(_) => self.pass_over(Instant::now()),
            }
        }
    }

    fn begun(&self, room: Option<OwnedSemaphorePermit>) -> Arc<Launch> {
        let launch = Arc::new(Launch(Mutex::new(room)));
        let mut under_way = self.lock();
        while under_way
            .front()
            .is_some_and(|(_, one)| one.strong_count() == 0)
        {
            under_way.pop_front();
        }
        under_way.push_back((Instant::now(), Arc::downgrade(&launch)));
        launch
    }

    /// Gives others the room of those that are slow.
    fn pass_over(&self, now: Instant) {
        let mut under_way = self.lock();
        while let Some((began, launch)) = under_way.front() {
            if let Some(launch) = launch.upgrade() {
                if now.saturating_duration_since(*began) < SLOW {
                    return;
                }
                launch
                    .0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
            }
            under_way.pop_front();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Instant, Weak<Launch>)>> {
        // What a panic left behind is whole: only pushes and pops happen under it.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn whoever_comes_next_waits_for_one_to_have_begun() {
        let launches = Launches::of(2);
        let first = launches.begin().await;
        let _second = launches.begin().await;
        assert!(timeout(SHORT, launches.begin()).await.is_err());
        drop(first);
        assert!(timeout(SHORT, launches.begin()).await.is_ok());
    }

    #[tokio::test]
    async fn slow_ones_hold_nobody_up_for_long() {
        let launches = Launches::of(2);
        let _slow = [launches.begin().await, launches.begin().await];
        let began = Instant::now();
        for _ in 0..2 {
            let third = timeout(10 * SLOW, launches.begin()).await;
            assert!(third.is_ok());
        }
        assert!(began.elapsed() >= SLOW);
        assert!(launches.lock().len() <= 2);
    }
}
