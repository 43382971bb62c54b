//! Reads what the worker has recorded; the format is in docs/audit.md.
//!
//! A trail holds what clients and commands made up, so whoever prints any of it
//! passes it through [`crate::sanitize`] first. Nothing here writes.

mod call;
mod filter;
mod lines;
mod parts;
pub(crate) mod recorded;
pub(crate) mod verify;

pub(crate) use call::{Call, Fed, Pairing, Verdict};
pub(crate) use filter::{Filter, moment};
pub(crate) use lines::Lines;
pub(crate) use parts::{beside, parts};

use serde_json::{Map, Value as Json};

/// One line of a trail.
pub(crate) type Event = Map<String, Json>;

/// What happens in a trail.
const EVENTS: [&str; 23] = [
    "open",
    "reload",
    "keep",
    "start",
    "end",
    "output",
    "deny",
    "refuse",
    "waiting",
    "approved",
    "withdrawn",
    "revoked",
    "checkpoint",
    "turn",
    "running",
    "tamper",
    "wrong_key",
    "key_use",
    "attach",
    "detach",
    "violation",
    "left_out",
    "close",
];

/// The event in a line; `None` when it is no line of a trail.
pub(crate) fn event(line: &[u8]) -> Option<Event> {
    let event: Event = serde_json::from_slice(line).ok()?;
    EVENTS.contains(&text(&event, "event")).then_some(event)
}

/// A field as text; empty where there is none.
pub(crate) fn text<'a>(event: &'a Event, name: &str) -> &'a str {
    event.get(name).and_then(Json::as_str).unwrap_or_default()
}
