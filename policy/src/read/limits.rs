//! `rate`, `concurrency` and `quota`: of a tool, of a principal, and in
//! `[limits]` of the whole server; and how calls wait for a place.

use super::document::Entry;
use super::fields::Fields;
use crate::quantity::duration;
use crate::{Limits, Queue, Rate};
use std::time::Duration;

/// The keys, wherever they stand.
pub(super) const KEYS: [&str; 3] = ["rate", "concurrency", "quota"];

/// Most calls in a window: what is remembered for each caller is as long.
const CALLS_MAX: u32 = 10_000;

/// Longest window.
const WINDOW_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// More than the worker ever runs at once limits nothing.
const CONCURRENCY_MAX: u32 = 1024;

/// The keys of `[limits]`.
const SERVER_KEYS: [&str; 5] = ["rate", "concurrency", "quota", "queue", "queue_timeout"];

/// Each call that waits keeps a process of the worker.
const QUEUE_MAX: u32 = 128;

/// Longest time in the queue.
const QUEUE_TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// The limits in the table `fields`.
pub(super) fn limits(fields: &Fields<'_, '_>) -> Limits {
    let number = |key, max| fields.number(key, 1..=max).map(|number| number.value);
    Limits {
        rate: rate(fields),
        concurrency: number("concurrency", CONCURRENCY_MAX),
        quota: number("quota", u32::MAX),
    }
}

/// How long calls wait for a place, as the table `fields` says; not at all when zero.
pub(super) fn queue_timeout(fields: &Fields<'_, '_>) -> Option<Duration> {
    fields.grace("queue_timeout", QUEUE_TIMEOUT_MAX)
}

/// The limits of the whole server, in the `[limits]` tables of all files: a mistake
/// when there are two.
pub(super) fn server(tables: &[Entry<'_, '_>]) -> (Limits, Queue) {
    let mut tables = tables.iter();
    let Some(Entry { reader, name, node }) = tables.next() else {
        return Default::default();
    };
    for second in tables {
        let hint = format!("the first one stands at {}", reader.place(&name.span));
        let message = "`limits` is defined twice";
        second.reader.error_hint(&second.name.span, message, hint);
    }
    let owner = "`limits`".to_owned();
    let Some(fields) = Fields::open(reader, owner, name.span.clone(), node) else {
        return Default::default();
    };
    fields.only(&SERVER_KEYS);
    (limits(&fields), queue(&fields))
}

fn queue(fields: &Fields<'_, '_>) -> Queue {
    let usual = Queue::default();
    let calls = fields.number("queue", 0..=QUEUE_MAX);
    Queue {
        calls: calls.map_or(usual.calls, |number| number.value),
        timeout: queue_timeout(fields).unwrap_or(usual.timeout),
    }
}

fn rate(fields: &Fields<'_, '_>) -> Option<Rate> {
    let text = fields.text("rate")?;
    let reader = fields.reader;
    let Some(rate) = parse(text.value) else {
        let message = format!("`rate` is not a rate: `{}`", text.value);
        let hint = "write a number of calls and a time, such as \"60/min\" or \"5/10s\"";
        reader.error_hint(&text.span, message, hint);
        return None;
    };
    if !(1..=CALLS_MAX).contains(&rate.calls) {
        let message = format!("`rate` must have between 1 and {CALLS_MAX} calls");
        reader.error(&text.span, message);
        return None;
    }
    if rate.window.is_zero() || rate.window > WINDOW_MAX {
        reader.error(
            &text.span,
            "`rate` must have a time above 0 and at most 24h",
        );
        return None;
    }
    Some(rate)
}

/// `CALLS/TIME`, where a unit alone is one of it.
fn parse(text: &str) -> Option<Rate> {
    let (calls, window) = text.split_once('/')?;
    // Parsing by itself would take a sign.
    let digits = calls.bytes().all(|byte| byte.is_ascii_digit());
    let window = duration(window).or_else(|| duration(&format!("1{window}")))?;
    let calls = calls.parse().ok().filter(|_| digits)?;
    Some(Rate { calls, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        let rate = |text| parse(text).map(|rate| (rate.calls, rate.window.as_millis()));
        assert_eq!(rate("60/min"), Some((60, 60_000)));
        assert_eq!(rate("5/10s"), Some((5, 10_000)));
        assert_eq!(rate("1/1h30min"), Some((1, 5_400_000)));
        for text in [
            "", "60", "/min", "60/", "+6/s", "6 / s", "6/week", "6.5/s", "6/-1s", "6/0",
        ] {
            assert_eq!(rate(text), None, "{text}");
        }
    }
}
