//! `mini-mcp report`: one page about the trail, for a browser that asks no network.

mod data;
mod events;
mod page;

use super::audit::options::Report;
use super::audit::{events, known, verified};
use crate::error::Error;
use crate::trail::{Call, Event, Fed, Filter, Pairing, parts, text};
use data::Data;
use events::Events;
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Most calls on a page, the latest: a browser has to hold them.
const CALLS_MAX: usize = 20_000;

/// Most events of the service itself on a page, the latest.
const EVENTS_MAX: usize = 500;

/// Writes the page.
pub(crate) fn report(options: &Report) -> Result<(), Error> {
    let trail = &options.place.trail;
    let unreadable = |source| Error::ReadTrail {
        path: trail.clone(),
        source,
    };
    // The head first: the trail may be written on meanwhile.
    let known = known(trail, &[], None)?;
    let verified = verified(&parts(trail).map_err(unreadable)?, &known)?;
    let (mut calls, mut told, mut services) = read(trail, options.since.clone())?;
    let left_out = calls.len().saturating_sub(CALLS_MAX);
    calls.drain(..left_out);
    let data = Data {
        calls: &calls,
        events: services.make_contiguous(),
        left_out,
        since: options.since.as_deref(),
        verified: &verified,
        approvals: told.approvals(),
        keys: told.keys(),
    };
    let page = page::page(&data.json());
    write(&options.output, &page).map_err(|source| Error::Write {
        path: options.output.clone(),
        source,
    })
}

/// What a trail has told.
type Read = (Vec<Call>, Events, VecDeque<Event>);

/// All calls since then, in the order of their beginning, what became of approvals and
/// keys, and what concerned the service itself.
fn read(trail: &Path, since: Option<String>) -> Result<Read, Error> {
    let mut told = Events::since(since.clone());
    let filter = Filter {
        since,
        ..Filter::default()
    };
    let (mut pairing, mut calls) = (Pairing::default(), Vec::new());
    let mut services = VecDeque::new();
    events(trail, |event, _| {
        told.feed(&event);
        match pairing.feed(event) {
            Fed::Call(call) if filter.wants(&call) => calls.push(*call),
            Fed::Service(event)
                if !Events::shows(&event) && filter.wants_service(text(&event, "time")) =>
            {
                services.push_back(event);
                if services.len() > EVENTS_MAX {
                    services.pop_front();
                }
            }
            Fed::Call(_) | Fed::Service(_) | Fed::Nothing => {}
        }
        Ok(())
    })?;
    calls.extend(pairing.running().filter(|call| filter.wants(call)));
    let number = |call: &Call| call.begin.get("seq").and_then(serde_json::Value::as_u64);
    calls.sort_by_key(number);
    Ok((calls, told, services))
}

/// The page tells what the trail does, so nobody else may read it either.
fn write(path: &Path, page: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    file.write_all(page.as_bytes())
}
