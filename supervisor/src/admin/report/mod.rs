//! `mini-mcp report`: one page about the trail, for a browser that asks no network.

mod data;
mod events;
mod page;

use super::audit::options::Report;
use super::audit::{events, known, verified};
use crate::error::Error;
use crate::trail::{Call, Fed, Filter, Pairing, parts};
use data::Data;
use events::Events;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Most calls on a page, the latest: a browser has to hold them.
const CALLS_MAX: usize = 20_000;

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
    let (mut calls, mut told) = read(trail, options.since.clone())?;
    let left_out = calls.len().saturating_sub(CALLS_MAX);
    calls.drain(..left_out);
    let data = Data {
        calls: &calls,
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

/// All calls since then, in the order of their beginning, and what else happened.
fn read(trail: &Path, since: Option<String>) -> Result<(Vec<Call>, Events), Error> {
    let mut told = Events::since(since.clone());
    let filter = Filter {
        since,
        ..Filter::default()
    };
    let (mut pairing, mut calls) = (Pairing::default(), Vec::new());
    events(trail, |event, _| {
        told.feed(&event);
        if let Fed::Call(call) = pairing.feed(event)
            && filter.wants(&call)
        {
            calls.push(*call);
        }
        Ok(())
    })?;
    calls.extend(pairing.running().filter(|call| filter.wants(call)));
    let number = |call: &Call| call.begin.get("seq").and_then(serde_json::Value::as_u64);
    calls.sort_by_key(number);
    Ok((calls, told))
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
