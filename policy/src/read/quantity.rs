//! Keys that hold times and sizes.

use super::fields::Fields;
use crate::quantity::{bytes, duration, size, time};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Longest time that can be written.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Fields<'_, '_> {
    /// A time above zero, at most a day.
    pub(super) fn duration(&self, key: &str) -> Option<Duration> {
        let time = self.time(key)?;
        if time.is_zero() || time > DAY {
            let message = format!("`{key}` must be above 0 and at most 24h");
            self.reader.error(&self.span(key)?, message);
            return None;
        }
        Some(time)
    }

    /// A time of at most `max`; none is one too.
    pub(super) fn grace(&self, key: &str, max: Duration) -> Option<Duration> {
        let grace = self.time(key)?;
        if grace > max {
            let message = format!("`{key}` must be at most {}", time(max));
            self.reader.error(&self.span(key)?, message);
            return None;
        }
        Some(grace)
    }

    /// Any time.
    pub(super) fn time(&self, key: &str) -> Option<Duration> {
        let text = self.text(key)?;
        let found = duration(text.value);
        if found.is_none() {
            let message = format!("`{key}` is not a time: `{}`", text.value);
            let hint = "write whole numbers with `d`, `h`, `min`, `s` or `ms`, such as \"10s\"";
            self.reader.error_hint(&text.span, message, hint);
        }
        found
    }

    /// A number of bytes in `range`.
    pub(super) fn size(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(key)?;
        let found = size(text.value);
        let usable = found.filter(|bytes| range.contains(bytes));
        match (found, usable) {
            (None, _) => {
                let message = format!("`{key}` is not a size: `{}`", text.value);
                let hint = "write a whole number and perhaps `K`, `M`, `G` or `T`, such as \"64M\"";
                self.reader.error_hint(&text.span, message, hint);
            }
            (Some(_), None) => {
                let (min, max) = range.into_inner();
                let message = format!("`{key}` must be between {} and {}", bytes(min), bytes(max));
                self.reader.error(&text.span, message);
            }
            (Some(_), Some(_)) => {}
        }
        usable
    }
}
