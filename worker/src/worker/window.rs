//! How much is recorded of what anybody can do often: whoever does must not fill the
//! trail.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Most lines within [`WINDOW`].
const LINES_MAX: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

/// Most of those who are told apart.
const KNOWN_MAX: usize = 1024;

/// Lines of one kind, of late.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// When the window began, and how many lines there are in it.
    window: Option<(Instant, u32)>,
    /// Those that got no line since the last one that did.
    left_out: u64,
}

impl Window {
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

    fn is_over(&self, now: Instant) -> bool {
        let over = |(began, _)| now.saturating_duration_since(began) >= WINDOW;
        self.left_out == 0 && self.window.is_none_or(over)
    }
}

/// A window for each of those who do something, so that none takes the room of others.
#[derive(Debug, Default)]
pub(super) struct Windows {
    known: BTreeMap<String, Window>,
    /// Of all whom there is no room to tell apart.
    others: Window,
}

impl Windows {
    /// As [`Window::room`], for `who`.
    pub(super) fn room(&mut self, who: &str, now: Instant) -> Option<u64> {
        if !self.known.contains_key(who) && self.known.len() >= KNOWN_MAX {
            self.known.retain(|_, window| !window.is_over(now));
        }
        if !self.known.contains_key(who) && self.known.len() >= KNOWN_MAX {
            return self.others.room(now);
        }
        self.known.entry(who.to_owned()).or_default().room(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_no_line_is_counted_in_the_next_one() {
        let (mut window, start) = (Window::default(), Instant::now());
        for _ in 0..LINES_MAX {
            assert_eq!(window.room(start), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(window.room(start + WINDOW / 2), None);
        }
        assert_eq!(window.room(start + WINDOW), Some(3));
        assert_eq!(window.room(start + WINDOW), Some(0));
    }

    #[test]
    fn nobody_takes_the_room_of_others() {
        let (mut windows, start) = (Windows::default(), Instant::now());
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
        assert_eq!(windows.room("late", start + WINDOW), Some(0));
        assert_eq!(windows.room("flood", start + WINDOW), Some(1));
    }
}
