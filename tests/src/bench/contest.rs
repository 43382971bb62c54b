//! Several things timed in one run, in turn, so that whatever else the machine does
//! meets all alike.

use super::series::Series;
use crate::Dice;
use std::time::{Duration, Instant};

/// How often each is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// Before it counts.
    pub warm_up: usize,
    /// What counts.
    pub counted: usize,
}

type Work<'a> = Box<dyn FnMut() + 'a>;

/// What is timed, by name.
#[derive(Default)]
pub struct Contest<'a> {
    entries: Vec<(&'static str, Work<'a>)>,
}

impl<'a> Contest<'a> {
    /// One more that takes part.
    #[must_use]
    pub fn enter(mut self, name: &'static str, work: impl FnMut() + 'a) -> Contest<'a> {
        self.entries.push((name, Box::new(work)));
        self
    }

    /// Times each once in every round, in an order that the dice say.
    ///
    /// In its turn each does its work twice, and only the second time counts: the first
    /// also pays for what the one before has left behind. Whoever does the same thing
    /// again and again, as users do, pays for his own remains and for nobody else's.
    #[must_use]
    pub fn run(mut self, rounds: Rounds) -> Times {
        let mut dice = Dice::of(8);
        let mut times = vec![Series::default(); self.entries.len()];
        let mut behind = times.clone();
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        for round in 0..rounds.warm_up + rounds.counted {
            shuffle(&mut order, &mut dice);
            for &entry in &order {
                let work = &mut self.entries[entry].1;
                let (first, second) = (timed(&mut *work), timed(work));
                if round >= rounds.warm_up {
                    times[entry].push(second);
                    behind[entry].push(first);
                }
            }
        }
        let names = self.entries.iter().map(|(name, _)| *name);
        let both = times.into_iter().zip(behind);
        Times(names.zip(both).collect())
    }
}

/// What a contest has shown.
#[derive(Debug, Clone)]
pub struct Times(Vec<(&'static str, (Series, Series))>);

impl Times {
    /// The times of `name`.
    ///
    /// # Panics
    /// When it took no part.
    #[must_use]
    pub fn of(&self, name: &str) -> &Series {
        &self.entry(name).0
    }

    /// The times of `name` right behind another, which do not count.
    ///
    /// # Panics
    /// When it took no part.
    #[must_use]
    pub fn behind(&self, name: &str) -> &Series {
        &self.entry(name).1
    }

    fn entry(&self, name: &str) -> &(Series, Series) {
        let found = self.0.iter().find(|(entry, _)| *entry == name);
        &found.unwrap_or_else(|| panic!("`{name}` took no part")).1
    }
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize], dice: &mut Dice) {
    for last in (1..order.len()).rev() {
        order.swap(last, dice.below(last + 1));
    }
}

/// How long `work` takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn each_has_its_turn_in_every_round() {
        let done = RefCell::new(Vec::new());
        let contest = Contest::default()
            .enter("one", || done.borrow_mut().push(1))
            .enter("two", || done.borrow_mut().push(2));
        let rounds = Rounds {
            warm_up: 2,
            counted: 20,
        };
        let times = contest.run(rounds);
        assert_eq!(times.of("one").spread().count, 20);
        assert_eq!(times.behind("two").spread().count, 20);
        let done = done.into_inner();
        let rounds: Vec<&[i32]> = done.chunks(4).collect();
        assert_eq!(rounds.len(), 22);
        assert!(rounds.contains(&&[1, 1, 2, 2][..]), "{rounds:?}");
        assert!(rounds.contains(&&[2, 2, 1, 1][..]), "{rounds:?}");
    }
}
