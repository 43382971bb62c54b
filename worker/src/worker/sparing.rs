//! How many lines there are about what strangers try: whoever tries much must not fill
//! the trail.

use std::time::{Duration, Instant};

/// Most lines within [`WINDOW`].
const LINES_MAX: u32 = 60;
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Attempts of one kind, of late.
#[derive(Debug, Default)]
pub(super) struct Sparing {
    /// When the window began, and how many lines there are in it.
    window: Option<(Instant, u32)>,
    /// Those that got no line since the last one that did.
    left_out: u64,
}

impl Sparing {
    /// Whether there is room for one more line; how many it stands for beside itself.
    pub(super) fn room(&mut self, now: Instant) -> Option<u64> {
        let (began, lines) = match self.window {
            Some((began, lines)) if now.saturating_duration_since(began) < WINDOW => (began, lines),
            _ => (now, 0),
        };
        if lines >= LINES_MAX {
            self.leave_out();
            return None;
        }
        self.window = Some((began, lines + 1));
        Some(std::mem::take(&mut self.left_out))
    }

    /// Counts one that gets no line.
    pub(super) fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// A line that is written however many there were: how many it stands for beside
    /// itself.
    pub(super) fn always(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    /// How many got no line and will get no next one to be told in, unless somebody
    /// tries again: what is left of a window that is over, or of any when `ending`.
    pub(super) fn overdue(&mut self, now: Instant, ending: bool) -> u64 {
        match ending || self.began_long_ago(now) {
            true => self.always(),
            false => 0,
        }
    }

    /// Whether some got no line that are not told yet.
    pub(super) fn owes(&self) -> bool {
        self.left_out > 0
    }

    /// Whether nothing is to be remembered of it.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.left_out == 0 && self.began_long_ago(now)
    }

    fn began_long_ago(&self, now: Instant) -> bool {
        let over = |(began, _)| now.saturating_duration_since(began) >= WINDOW;
        self.window.is_none_or(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_no_line_is_counted_in_the_next_one() {
        let (mut lines, start) = (Sparing::default(), Instant::now());
        for _ in 0..LINES_MAX {
            assert_eq!(lines.room(start), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(lines.room(start + WINDOW / 2), None);
        }
        assert_eq!(lines.room(start + WINDOW), Some(3));
        assert_eq!(lines.room(start + WINDOW), Some(0));
    }

    #[test]
    fn what_nobody_follows_is_told_once() {
        let (mut lines, start) = (Sparing::default(), Instant::now());
        while lines.room(start).is_some() {}
        assert!(lines.owes());
        assert_eq!(lines.overdue(start + WINDOW / 2, false), 0);
        assert_eq!(lines.overdue(start + WINDOW, false), 1);
        assert_eq!(lines.overdue(start + WINDOW, false), 0);
        assert_eq!(lines.room(start), None);
        assert_eq!(lines.overdue(start, true), 1, "the worker ends");
        assert!(!lines.owes());
    }
}
