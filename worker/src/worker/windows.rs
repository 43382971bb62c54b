//! Room in the trail for each of those who do something, so that none takes that of
//! others.

use super::sparing::Sparing;
use std::collections::BTreeMap;
use std::time::Instant;

/// Most of those who are told apart.
const KNOWN_MAX: usize = 1024;

/// The room of each.
#[derive(Debug, Default)]
pub(super) struct Windows {
    known: BTreeMap<String, Sparing>,
    /// Of all whom there is no room to tell apart.
    others: Sparing,
}

impl Windows {
    /// As [`Sparing::room`], for `who`.
    pub(super) fn room(&mut self, who: &str, now: Instant) -> Option<u64> {
        if !self.known.contains_key(who) && self.known.len() >= KNOWN_MAX {
            self.known.retain(|_, room| !room.is_over(now));
        }
        if !self.known.contains_key(who) && self.known.len() >= KNOWN_MAX {
            return self.others.room(now);
        }
        self.known.entry(who.to_owned()).or_default().room(now)
    }

    /// The room of each.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Sparing> {
        self.known.values_mut().chain([&mut self.others])
    }

    /// Counts one that gets no line for another reason than want of room.
    pub(super) fn leave_out(&mut self, who: &str) {
        match self.known.get_mut(who) {
            Some(room) => room.leave_out(),
            None => self.others.leave_out(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn nobody_takes_the_room_of_others() {
        let (mut windows, start) = (Windows::default(), Instant::now());
        let later = start + Duration::from_secs(60);
        while windows.room("flood", start).is_some() {}
        assert_eq!(windows.room("other", start), Some(0));
        for number in 0..2 * KNOWN_MAX {
            windows.room(&format!("{number}"), start);
        }
        assert!(windows.known.len() <= KNOWN_MAX);
        assert_eq!(
            windows.room("new", start),
            None,
            "it shares with all of them"
        );
        assert_eq!(windows.room("late", later), Some(0));
        assert_eq!(windows.room("flood", later), Some(1));
    }
}
