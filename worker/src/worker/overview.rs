//! What an administrator watches, in one answer.

use super::Worker;
use crate::admission::Now;
use crate::audit::{Entry, Waiting, since_boot};
use crate::brief::cut;
use std::time::Duration;
use wire::{Denial, Listed, Overview, Runs};

/// How many bytes each list may have; all of them, and the rest, fit one packet.
const RUNNING_ROOM: usize = 18 * 1024;
const WAITING_ROOM: usize = 9 * 1024;
const QUEUE_ROOM: usize = 9 * 1024;
const RATES_ROOM: usize = 6 * 1024;
const LIMITS_ROOM: usize = 6 * 1024;
const DENIALS_ROOM: usize = 12 * 1024;

impl Worker {
    /// How things are now.
    pub(super) fn overview(&mut self) -> Overview {
        let now = since_boot();
        let policy = self.context.policy.digest();
        let (started, denied) = self.traffic.totals();
        let limits = self.traffic.limits(&self.admission, &policy, Now::read());
        Overview {
            pid: std::process::id(),
            uptime_ms: milliseconds(self.since.begin.elapsed()),
            policy,
            lanes: u32::try_from(self.lanes.len()).unwrap_or(u32::MAX),
            started,
            denied,
            trouble: self.log.head().failure.map(|why| cut(&why, 400)),
            seconds: self.traffic.seconds(now),
            running: self.running(now),
            waiting: Listed::fitting(self.approvals.brief(now), WAITING_ROOM),
            queued: Listed::fitting(self.queued(), QUEUE_ROOM),
            rates: Listed::fitting(self.traffic.rates(now), RATES_ROOM),
            limits: Listed::fitting(limits, LIMITS_ROOM),
            denials: Listed::fitting(self.traffic.denials(now), DENIALS_ROOM),
        }
    }

    fn running(&self, now: Duration) -> Listed<Runs> {
        let lanes = self.lanes.values();
        let mut running: Vec<Runs> = lanes.filter_map(|lane| lane.runs(now)).collect();
        running.sort_by_key(|one| std::cmp::Reverse(one.since_ms));
        Listed::fitting(running, RUNNING_ROOM)
    }

    /// Notes a denial of what was to be approved.
    pub(super) fn seen_denied(&mut self, waiting: &Waiting, denial: &Denial) {
        let why = (&*denial.code, &*denial.rule, &*denial.reason);
        let exists = |_: &str| true;
        self.traffic
            .denial(&waiting.call, &waiting.principal, why, since_boot(), exists);
    }

    /// Notes what stands in the trail, for an administrator who watches.
    pub(super) fn seen(&mut self, entry: &Entry) {
        let policy = &self.context.policy;
        self.traffic
            .note(entry, since_boot(), |tool| policy.tool(tool).is_some());
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
