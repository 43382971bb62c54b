//! Calls that wait until a place is free, and whose turn it is: callers in turn, of each
//! caller the oldest call first.
//!
//! It knows neither time nor places: whoever asks for the next call says which may start
//! now. One that may not keeps its rank and holds up nobody, not even its own caller's
//! later calls.

use std::collections::VecDeque;

/// Calls of type `C`, each of one lane.
#[derive(Debug)]
pub(crate) struct Queue<C> {
    /// Whoever waits, the next in turn first; no line is empty.
    lines: VecDeque<Line<C>>,
}

/// The calls of one caller, the oldest first.
#[derive(Debug)]
struct Line<C> {
    caller: String,
    calls: VecDeque<(u64, C)>,
}

/// Why a call may not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many wait as may.
    All,
    /// So many of the caller's wait, and no more places are left for others than that.
    Share(usize),
}

impl<C> Default for Queue<C> {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
        }
    }
}

impl<C> Queue<C> {
    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.lines.iter().map(|line| line.calls.len()).sum()
    }

    /// Whether none does.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether a call of `lane` waits.
    pub(crate) fn holds(&self, lane: u64) -> bool {
        self.find(lane).is_some()
    }

    /// Whether one more call of `caller` may wait, where `most` may in all. Nobody has
    /// more than he leaves to others, so that there is room for a caller who comes late.
    pub(crate) fn room(&self, caller: &str, most: usize) -> Result<(), Full> {
        let left = most.saturating_sub(self.len());
        let own = self.lines.iter().find(|line| line.caller == caller);
        let own = own.map_or(0, |line| line.calls.len());
        match left {
            0 => Err(Full::All),
            left if own >= left => Err(Full::Share(own)),
            _ => Ok(()),
        }
    }

    /// Lets a call of `lane` wait: the last of its caller's.
    pub(crate) fn join(&mut self, caller: &str, lane: u64, call: C) {
        match self.lines.iter_mut().find(|line| line.caller == caller) {
            Some(line) => line.calls.push_back((lane, call)),
            None => self.lines.push_back(Line {
                caller: caller.to_owned(),
                calls: VecDeque::from([(lane, call)]),
            }),
        }
    }

    /// How many calls would start before that of `lane` if all could start in turn.
    pub(crate) fn ahead(&self, lane: u64) -> Option<usize> {
        let (own, rank) = self.find(lane)?;
        let others = self.lines.iter().enumerate();
        let others = others.filter(|(index, _)| *index != own);
        // In each round everybody has one; those before him have theirs in his last too.
        let before = others.map(|(index, line)| {
            let rounds = rank + usize::from(index < own);
            line.calls.len().min(rounds)
        });
        Some(before.sum::<usize>() + rank)
    }

    /// The next call in turn that `may` start now, and its lane. Its caller's next turn
    /// comes when everybody else has had one.
    pub(crate) fn next(&mut self, may: impl Fn(&C) -> bool) -> Option<(u64, C)> {
        let (line, rank) = self.lines.iter().enumerate().find_map(|(index, line)| {
            let mut calls = line.calls.iter();
            Some((index, calls.position(|(_, call)| may(call))?))
        })?;
        let mut line = self.lines.remove(line)?;
        let call = line.calls.remove(rank);
        if !line.calls.is_empty() {
            self.lines.push_back(line);
        }
        call
    }

    /// The call of `lane`, which waits no longer.
    pub(crate) fn leave(&mut self, lane: u64) -> Option<C> {
        let (index, rank) = self.find(lane)?;
        let line = self.lines.get_mut(index)?;
        let (_, call) = line.calls.remove(rank)?;
        if line.calls.is_empty() {
            self.lines.remove(index);
        }
        Some(call)
    }

    /// All calls with their lanes, none of which waits any longer.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (u64, C)> + use<C> {
        let lines = std::mem::take(&mut self.lines).into_iter();
        lines.flat_map(|line| line.calls)
    }

    /// The lanes of all calls.
    pub(crate) fn lanes(&self) -> Vec<u64> {
        let calls = self.lines.iter().flat_map(|line| &line.calls);
        calls.map(|(lane, _)| *lane).collect()
    }

    /// All calls with their lanes.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (u64, &C)> {
        let calls = self.lines.iter().flat_map(|line| &line.calls);
        calls.map(|(lane, call)| (*lane, call))
    }

    /// The call of `lane`.
    pub(crate) fn call(&mut self, lane: u64) -> Option<&mut C> {
        let (index, rank) = self.find(lane)?;
        let (_, call) = self.lines.get_mut(index)?.calls.get_mut(rank)?;
        Some(call)
    }

    /// The line and the rank in it of the call of `lane`.
    fn find(&self, lane: u64) -> Option<(usize, usize)> {
        self.lines.iter().enumerate().find_map(|(index, line)| {
            let mut calls = line.calls.iter();
            Some((index, calls.position(|(of, _)| *of == lane)?))
        })
    }
}

#[cfg(test)]
mod tests;
