//! How many lines there are about what strangers try: whoever tries much must not fill
//! the trail.

use std::time::{Duration, Instant};

/// Most lines within [`WINDOW`].
const LINES_MAX: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

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
            self.left_out += 1;
            return None;
        }
        self.window = Some((began, lines + 1));
        Some(std::mem::take(&mut self.left_out))
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
}
