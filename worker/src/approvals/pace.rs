//! How often calls of one caller may begin to wait: who gives them up and asks again
//! would have administrators told without end.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Most calls of one caller that begin to wait within [`WINDOW`].
pub(super) const ASKED_EACH: usize = 30;

/// The time in which they are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// When calls of each caller began to wait.
#[derive(Debug, Default)]
pub(super) struct Pace(BTreeMap<String, VecDeque<Duration>>);

impl Pace {
    /// How long `caller` has to wait until one more of his calls may.
    pub(super) fn wait(&self, caller: &str, now: Duration) -> Option<Duration> {
        let asked = self.0.get(caller)?.iter();
        let within: Vec<&Duration> = asked.filter(|at| is_within(**at, now)).collect();
        let blocking = within.len().checked_sub(ASKED_EACH)?;
        let opens = within.get(blocking)?.saturating_add(WINDOW);
        Some(opens.saturating_sub(now))
    }

    /// Notes that a call of `caller` begins to wait.
    pub(super) fn note(&mut self, caller: String, now: Duration) {
        self.0.retain(|_, asked| {
            asked.retain(|at| is_within(*at, now));
            !asked.is_empty()
        });
        self.0.entry(caller).or_default().push_back(now);
    }
}

fn is_within(at: Duration, now: Duration) -> bool {
    now.saturating_sub(at) < WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_asks_so_often_and_others_are_not_held_up() {
        let (mut pace, start) = (Pace::default(), Duration::from_secs(1000));
        for number in 0..ASKED_EACH as u64 {
            let now = start + Duration::from_secs(number);
            assert_eq!(pace.wait("uid 1", now), None);
            pace.note("uid 1".to_owned(), now);
        }
        let now = start + Duration::from_secs(40);
        assert_eq!(pace.wait("uid 1", now), Some(Duration::from_secs(20)));
        assert_eq!(pace.wait("uid 2", now), None);
        assert_eq!(pace.wait("uid 1", start + WINDOW), None);
        pace.note("uid 2".to_owned(), start + WINDOW * 2);
        assert_eq!(pace.0.len(), 1);
    }
}
