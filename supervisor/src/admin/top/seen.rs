//! What has been seen of the worker so far.

use super::tree::{Usage, usage};
use crate::admin::audit::user_name;
use crate::error::Error;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wire::{Overview, Runs, Who};

/// The last overview, and what only two of them together tell.
#[derive(Debug, Default)]
pub(super) struct Watching {
    pub(super) overview: Overview,
    /// When that was told; `None` before the first.
    pub(super) at: Option<Instant>,
    /// Why the worker does not answer now.
    pub(super) away: Option<String>,
    /// By the name of the run.
    loads: BTreeMap<String, Load>,
    names: BTreeMap<u32, String>,
}

/// What a run takes now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Load {
    /// Processors, in thousandths.
    pub(super) cpu: u64,
    /// Bytes.
    pub(super) memory: u64,
    used: Duration,
}

impl Watching {
    /// Takes what the worker tells now.
    pub(super) fn take(&mut self, overview: Overview) {
        let now = Instant::now();
        let between = self.at.map(|at| now - at);
        let lanes: Vec<u32> = overview.running.shown.iter().map(|one| one.lane).collect();
        let usage = usage(overview.pid, &lanes);
        let loads = overview.running.shown.iter().filter_map(|one| {
            let usage = usage.get(&one.lane)?;
            Some((
                one.run.clone(),
                load(one, *usage, self.loads.get(&one.run), between),
            ))
        });
        self.loads = loads.collect();
        for who in everybody(&overview) {
            if let Some(uid) = who.uid {
                user_name(uid, &mut self.names);
            }
        }
        (self.overview, self.at, self.away) = (overview, Some(now), None);
    }

    /// Notes that the worker does not answer.
    pub(super) fn lose(&mut self, error: &Error) {
        self.away = Some(error.text());
    }

    /// What `run` takes, where that can be told.
    pub(super) fn load(&self, run: &str) -> Option<Load> {
        self.loads.get(run).copied()
    }

    /// A caller as people know him.
    pub(super) fn caller(&self, who: &Who) -> String {
        let own = match (who.uid, &who.key) {
            (Some(uid), _) => self
                .names
                .get(&uid)
                .cloned()
                .unwrap_or_else(|| uid.to_string()),
            (None, Some(key)) => format!("key {key}"),
            (None, None) => String::new(),
        };
        match (own.is_empty(), who.principal.is_empty()) {
            (true, true) => "–".to_owned(),
            (true, false) => who.principal.clone(),
            (false, false) if own != who.principal => format!("{own} as {}", who.principal),
            (false, _) => own,
        }
    }
}

/// Since the last time where there was one, else since it began.
fn load(run: &Runs, now: Usage, before: Option<&Load>, between: Option<Duration>) -> Load {
    let (used, time) = match (before, between) {
        (Some(before), Some(between)) => (now.cpu.saturating_sub(before.used), between),
        (None, _) | (_, None) => (now.cpu, Duration::from_millis(run.since_ms)),
    };
    let cpu = used.as_micros().saturating_mul(1000) / time.as_micros().max(1);
    Load {
        cpu: u64::try_from(cpu).unwrap_or(u64::MAX),
        memory: now.memory,
        used: now.cpu,
    }
}

fn everybody(overview: &Overview) -> impl Iterator<Item = &Who> {
    let running = overview.running.shown.iter().map(|one| &one.who);
    let waiting = overview.waiting.shown.iter().map(|one| &one.who);
    let queued = overview.queued.shown.iter().map(|one| &one.who);
    let denied = overview.denials.shown.iter().map(|one| &one.who);
    running.chain(waiting).chain(queued).chain(denied)
}
