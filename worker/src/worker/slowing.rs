//! Who reports many denials waits for his answers: nothing of what the supervisor says
//! that it has denied is left out, for nobody else knows of it, so that whoever would
//! fill the trail must be slowed down instead. A line is written when it is told; what is
//! put off is the answer, and with it the next line on that lane.

use crate::audit::Note;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many are answered at once.
const AT_ONCE: u32 = 300;

/// How long after the one before each further one is answered.
const INTERVAL: Duration = Duration::from_millis(200);

/// Most callers who are told apart.
const KNOWN_MAX: usize = 1024;

/// Callers' debts, and answers that are put off.
#[derive(Debug, Default)]
pub(super) struct Slowing {
    /// Until when each has used up what he may; of those who have none it is over.
    debts: BTreeMap<String, Instant>,
    /// The same of all whom there is no room to tell apart.
    others: Option<Instant>,
    /// By when they are due, and the number of the lane.
    late: BTreeMap<(Instant, u64), Note>,
}

impl Slowing {
    /// How long the answer is put off of one more for `who`.
    pub(super) fn charge(&mut self, who: &str, now: Instant) -> Duration {
        if !self.debts.contains_key(who) && self.debts.len() >= KNOWN_MAX {
            self.debts.retain(|_, until| *until > now);
        }
        let debt = if self.debts.contains_key(who) || self.debts.len() < KNOWN_MAX {
            self.debts.entry(who.to_owned()).or_insert(now)
        } else {
            self.others.get_or_insert(now)
        };
        *debt = (*debt).max(now) + INTERVAL;
        let used = debt.saturating_duration_since(now);
        used.saturating_sub(INTERVAL * AT_ONCE)
    }

    /// Answers the lane `number` with `note` in this time.
    pub(super) fn put_off(&mut self, number: u64, note: Note, due: Instant) {
        self.late.insert((due, number), note);
    }

    /// When the next answer is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.late.keys().next().map(|(due, _)| *due)
    }

    /// The next answer that is due.
    pub(super) fn next(&mut self, now: Instant) -> Option<(u64, Note)> {
        let first = self.late.first_entry()?;
        let (due, number) = *first.key();
        (due <= now).then(|| (number, first.remove()))
    }

    /// All answers, when nobody is to wait any more.
    pub(super) fn all(&mut self) -> impl Iterator<Item = (u64, Note)> {
        let all = std::mem::take(&mut self.late).into_iter();
        all.map(|((_, number), note)| (number, note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_slowed_down_and_nobody_else() {
        let (mut slowing, start) = (Slowing::default(), Instant::now());
        for _ in 0..AT_ONCE {
            assert_eq!(slowing.charge("flood", start), Duration::ZERO);
        }
        for number in 1..9 {
            assert_eq!(slowing.charge("flood", start), INTERVAL * number);
        }
        assert_eq!(slowing.charge("other", start), Duration::ZERO);
        let later = start + INTERVAL * (AT_ONCE + 8);
        assert_eq!(slowing.charge("flood", later), Duration::ZERO);
        for number in 0..2 * KNOWN_MAX {
            slowing.charge(&number.to_string(), later);
        }
        assert!(slowing.debts.len() <= KNOWN_MAX);
        assert!(slowing.charge("one more", later) > Duration::ZERO);
    }

    #[test]
    fn answers_come_when_they_are_due_and_in_order() {
        let (mut slowing, start) = (Slowing::default(), Instant::now());
        for (number, after) in [(7, 2), (8, 1), (9, 1)] {
            slowing.put_off(number, Note::Left, start + INTERVAL * after);
        }
        assert_eq!(slowing.due(), Some(start + INTERVAL));
        assert!(slowing.next(start).is_none());
        let told = |slowing: &mut Slowing, now| slowing.next(now).map(|(number, _)| number);
        assert_eq!(told(&mut slowing, start + INTERVAL), Some(8));
        assert_eq!(told(&mut slowing, start + INTERVAL), Some(9));
        assert_eq!(told(&mut slowing, start + INTERVAL), None);
        assert_eq!(slowing.all().count(), 1);
        assert_eq!(slowing.due(), None);
    }
}
