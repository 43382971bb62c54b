//! Lanes that wait for the next call: many while there are many calls, few otherwise.
//!
//! A lane is a process, which costs more to make than a call does. So whoever has made
//! them once keeps them for a while.

use super::connection::Connection;
use super::filters::Filter;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Most lanes kept ready between calls.
const IDLE_MAX: usize = 64;

/// As many of them stay when nobody needs them.
const IDLE_KEPT: usize = 8;

/// How long the others do.
const LINGER: Duration = Duration::from_secs(10);

/// Lanes, the one that was busy last at the end.
#[derive(Debug, Default)]
pub(super) struct Idle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Each with the time since which nobody needed it.
    lanes: Vec<(Instant, Connection)>,
    /// Somebody looks for those that nobody needs.
    watched: bool,
}

impl Idle {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lock().lanes.len()
    }

    /// A lane that is still there and can run a command under `filter`, if it is to run
    /// one. The most recent comes first, so that those beyond the need stay untouched.
    pub(super) fn take(&self, filter: Option<Filter>) -> Option<Connection> {
        let mut state = self.lock();
        loop {
            let mut places = state.lanes.iter().enumerate().rev();
            let (place, _) = places.find(|(_, (_, lane))| lane.serves(filter))?;
            let (_, lane) = state.lanes.remove(place);
            if lane.is_quiet() {
                return Some(lane);
            }
        }
    }

    /// Keeps `lane`, and where there are many another that was not needed for longer no
    /// more. Whether somebody has to [`Idle::watch`] from now on.
    #[must_use]
    pub(super) fn keep(&self, lane: Connection) -> bool {
        let mut state = self.lock();
        if state.lanes.len() >= IDLE_MAX {
            state.lanes.remove(0);
        }
        state.lanes.push((Instant::now(), lane));
        state.lanes.len() > IDLE_KEPT && !std::mem::replace(&mut state.watched, true)
    }

    /// Lets go of all.
    pub(super) fn clear(&self) {
        let lanes = std::mem::take(&mut self.lock().lanes);
        drop(lanes);
    }

    /// Lets go of what nobody has needed for long; whether more than the usual are left.
    fn shrink(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let surplus = state.lanes.len().saturating_sub(IDLE_KEPT);
        let longest = state.lanes.iter().take(surplus);
        let unused =
            longest.take_while(|(since, _)| now.saturating_duration_since(*since) >= LINGER);
        let unused = unused.count();
        state.lanes.drain(..unused);
        state.watched = unused < surplus;
        state.watched
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of lanes that nobody needs, until only the usual are left or nobody has them.
pub(super) async fn watch<T: AsRef<Idle>>(owner: Weak<T>) {
    loop {
        sleep(LINGER).await;
        let owner = owner.upgrade();
        if !owner.is_some_and(|owner| (*owner).as_ref().shrink(Instant::now())) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::Packets;
    use crate::lane::pair;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::{AsFd, OwnedFd};

    fn lanes(number: usize) -> (Idle, Vec<OwnedFd>) {
        let idle = Idle::default();
        let ends = (0..number).map(|_| {
            let (ours, theirs) = pair().unwrap();
            let _ = idle.keep(Connection::of(Packets::new(ours).unwrap()));
            theirs
        });
        let ends = ends.collect();
        (idle, ends)
    }

    #[tokio::test]
    async fn those_that_nobody_needs_go_after_a_while() {
        let (idle, _ends) = lanes(IDLE_MAX + 3);
        assert_eq!(idle.len(), IDLE_MAX);
        assert!(idle.shrink(Instant::now()));
        assert_eq!(idle.len(), IDLE_MAX);
        let used = idle.take(None).unwrap();
        assert!(!idle.shrink(Instant::now() + LINGER));
        assert_eq!(idle.len(), IDLE_KEPT);
        assert!(!idle.keep(used) || idle.len() > IDLE_KEPT);
    }

    #[tokio::test]
    async fn one_that_wears_a_filter_serves_no_other() {
        let (idle, _ends) = lanes(2);
        let [one, other] = [1, 2].map(|number| Some(Filter::numbered(number)));
        let mut lane = idle.take(one).unwrap();
        lane.runs(one);
        let _ = idle.keep(lane);
        // The one that has run nothing yet.
        let mut lane = idle.take(other).unwrap();
        lane.runs(other);
        assert!(idle.take(other).is_none());
        let _ = idle.keep(lane);
        for filter in [other, one, None] {
            let mut lane = idle.take(filter).unwrap();
            lane.runs(None);
            let _ = idle.keep(lane);
        }
        assert_eq!(idle.len(), 2);
    }

    #[tokio::test]
    async fn of_too_many_the_one_goes_that_was_not_needed_for_longest() {
        let (idle, ends) = lanes(IDLE_MAX + 1);
        assert_eq!(idle.len(), IDLE_MAX);
        let gone = |end: &OwnedFd| {
            let mut end = [PollFd::new(end.as_fd(), PollFlags::empty())];
            poll(&mut end, PollTimeout::ZERO) == Ok(1)
        };
        assert!(gone(&ends[0]) && !ends[1..].iter().any(gone));
    }

    #[tokio::test]
    async fn one_that_has_ended_is_not_taken() {
        let (idle, ends) = lanes(3);
        drop(ends);
        assert!(idle.take(None).is_none());
        assert_eq!(idle.len(), 0);
    }
}
