//! Turns at the worker, shared by callers so that none of them takes all: nobody has more
//! than he leaves free, and those who wait get what comes back in rounds.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Most requests of one caller that wait for a turn.
const WAITING_EACH: usize = 1024;

/// So many requests of the caller wait already that no more may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

/// A number of turns.
#[derive(Debug)]
pub(crate) struct Turns {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// By caller; none is zero.
    held: HashMap<Arc<str>, usize>,
    /// Whoever waits, the next in the round first; no line is empty.
    lines: VecDeque<(Arc<str>, VecDeque<oneshot::Sender<Turn>>)>,
}

/// One turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    caller: Arc<str>,
}

impl Turns {
    /// As many as `most`.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            state: Mutex::default(),
        })
    }

    /// A turn for `caller`, as soon as there is one for him.
    ///
    /// # Errors
    /// [`Crowded`]
    pub(crate) async fn take(self: &Arc<Self>, caller: &Arc<str>) -> Result<Turn, Crowded> {
        let turn = {
            let mut state = self.lock();
            let waits = state.lines.iter().any(|(one, _)| one == caller);
            if !waits && state.may(caller, self.most) {
                return Ok(self.give(&mut state, caller));
            }
            state.wait(caller)?
        };
        // The sender is kept until it has sent.
        turn.await.map_err(|_| Crowded)
    }

    /// A turn for `caller` that he has given back for a while and needs now, whether or
    /// not there is one.
    pub(crate) fn take_again(self: &Arc<Self>, caller: &Arc<str>) -> Turn {
        self.give(&mut self.lock(), caller)
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.lock().taken
    }

    fn give(self: &Arc<Self>, state: &mut State, caller: &Arc<str>) -> Turn {
        state.taken += 1;
        *state.held.entry(Arc::clone(caller)).or_default() += 1;
        Turn {
            turns: Arc::clone(self),
            caller: Arc::clone(caller),
        }
    }

    /// Gives what is free to those who wait for it. A turn that nobody took comes back,
    /// and must not be dropped before the lock is.
    fn pass_on(self: &Arc<Self>) {
        let mut back = Vec::new();
        let mut state = self.lock();
        while let Some((caller, waiting)) = state.next(self.most) {
            let turn = self.give(&mut state, &caller);
            back.extend(waiting.send(turn).err());
        }
        drop(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic left behind is whole: only counts and lists change under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Nobody has more than he leaves free, so that one who comes late finds one.
    fn may(&self, caller: &str, most: usize) -> bool {
        let held = self.held.get(caller).copied().unwrap_or(0);
        held < most.saturating_sub(self.taken)
    }

    fn wait(&mut self, caller: &Arc<str>) -> Result<oneshot::Receiver<Turn>, Crowded> {
        let (sender, turn) = oneshot::channel();
        match self.lines.iter_mut().find(|(one, _)| one == caller) {
            Some((_, line)) => {
                line.retain(|waiting| !waiting.is_closed());
                if line.len() >= WAITING_EACH {
                    return Err(Crowded);
                }
                line.push_back(sender);
            }
            None => {
                let line = VecDeque::from([sender]);
                self.lines.push_back((Arc::clone(caller), line));
            }
        }
        Ok(turn)
    }

    /// Who gets a turn next.
    fn next(&mut self, most: usize) -> Option<(Arc<str>, oneshot::Sender<Turn>)> {
        for (_, line) in &mut self.lines {
            line.retain(|waiting| !waiting.is_closed());
        }
        self.lines.retain(|(_, line)| !line.is_empty());
        let mut callers = self.lines.iter();
        let index = callers.position(|(caller, _)| self.may(caller, most))?;
        let (caller, mut line) = self.lines.remove(index)?;
        let first = line.pop_front()?;
        if !line.is_empty() {
            self.lines.push_back((Arc::clone(&caller), line));
        }
        Some((caller, first))
    }

    fn release(&mut self, caller: &str) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(held) = self.held.get_mut(caller) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(caller);
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().release(&self.caller);
        self.turns.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    type Taking = Pin<Box<dyn Future<Output = Result<Turn, Crowded>>>>;

    fn taking(turns: &Arc<Turns>, caller: &'static str) -> Taking {
        let turns = Arc::clone(turns);
        Box::pin(async move { turns.take(&caller.into()).await })
    }

    /// The turn, if it is there.
    fn poll(taking: &mut Taking) -> Option<Turn> {
        match taking
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(turn) => Some(turn.unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn whoever_comes_late_finds_a_turn() {
        let turns = Turns::new(64);
        let flood: Vec<Turn> = (0..300)
            .filter_map(|_| poll(&mut taking(&turns, "flood")))
            .collect();
        assert_eq!(flood.len(), 32);
        let mut late = vec!["b", "c", "d", "e", "f"];
        let found: Vec<Turn> = late
            .drain(..)
            .filter_map(|caller| poll(&mut taking(&turns, caller)))
            .collect();
        assert_eq!(found.len(), 5);
        drop((flood, found));
        assert_eq!((turns.taken(), turns.lock().held.len()), (0, 0));
    }

    #[test]
    fn what_comes_back_goes_round() {
        let turns = Turns::new(3);
        let mut held = vec![
            turns.take_again(&"x".into()),
            turns.take_again(&"y".into()),
            turns.take_again(&"z".into()),
        ];
        let mut waiting: Vec<(&str, Taking)> = ["a", "a", "a", "b", "c"]
            .into_iter()
            .map(|caller| (caller, taking(&turns, caller)))
            .collect();
        assert!(waiting.iter_mut().all(|(_, one)| poll(one).is_none()));
        let mut order = Vec::new();
        while let Some(turn) = held.pop() {
            drop(turn);
            waiting.retain_mut(|(caller, one)| match poll(one) {
                Some(turn) => {
                    order.push(*caller);
                    held.insert(0, turn);
                    false
                }
                None => true,
            });
        }
        assert_eq!(order, ["a", "b", "c", "a", "a"]);
        assert_eq!(turns.taken(), 0);
    }

    #[test]
    fn who_gives_up_waiting_keeps_nothing() {
        let turns = Turns::new(1);
        let held = turns.take_again(&"x".into());
        let (mut first, mut second) = (taking(&turns, "a"), taking(&turns, "b"));
        assert!(poll(&mut first).is_none() && poll(&mut second).is_none());
        drop(first);
        drop(held);
        // Given, and never fetched.
        drop(second);
        assert_eq!(turns.taken(), 0);
        assert!(poll(&mut taking(&turns, "c")).is_some());
    }

    #[test]
    fn what_waits_is_bounded() {
        let turns = Turns::new(0);
        let mut waiting: Vec<Taking> = (0..WAITING_EACH).map(|_| taking(&turns, "a")).collect();
        assert!(waiting.iter_mut().all(|one| poll(one).is_none()));
        let mut more = taking(&turns, "a");
        let polled = more.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Err(Crowded))));
        assert!(poll(&mut taking(&turns, "b")).is_none());
    }
}
