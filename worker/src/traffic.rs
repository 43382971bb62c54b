//! What the first process remembers of calls for an administrator who watches: how many
//! there were in the last minute, which limits they met, and what was denied lately.
//! Nothing is decided by it, and all of it is bounded.

use crate::admission::{Admission, Bound, Most, Now};
use crate::audit::{Call, Entry};
use crate::brief::{cut, who};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use wire::{Denied, PolicyDigest, Rate, Second, Used};

/// How many seconds are remembered one by one.
const SECONDS: usize = 60;

/// Most pairs of a principal and a tool that are counted apart.
const PAIRS_MAX: usize = 256;

/// Most limits that are known.
const LIMITS_MAX: usize = 256;

/// Most denials that are remembered.
const DENIALS_MAX: usize = 64;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    all: Counts,
    started: u64,
    denied: u64,
    /// By principal and tool.
    pairs: BTreeMap<(String, String), Counts>,
    /// By counter and rule, under the policy that sets them.
    limits: BTreeMap<(String, String), (Bound, PolicyDigest)>,
    /// The latest last, with the time since the boot.
    denials: VecDeque<(Duration, Denied)>,
}

/// Calls of the last seconds, the latest last.
#[derive(Debug, Default)]
struct Counts {
    seconds: VecDeque<Second>,
    /// Which second the latest is.
    latest: u64,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
enum Count {
    Started,
    Denied,
}

impl Traffic {
    /// Notes an entry that stands in the trail. `exists` tells which tools there are:
    /// callers make names up.
    pub(crate) fn note(&mut self, entry: &Entry, now: Duration, exists: impl Fn(&str) -> bool) {
        match entry {
            Entry::Start {
                call,
                principal,
                bounds,
                ..
            } => {
                self.started = self.started.saturating_add(1);
                self.count(principal, &call.tool, Count::Started, now);
                bounds.iter().for_each(|bound| self.meet(bound, call));
            }
            Entry::Deny {
                call,
                principals,
                denial,
                ..
            } => {
                let (principal, why) = (principals.join(","), (&*denial.code, &*denial.rule));
                self.denial(
                    call,
                    &principal,
                    (why.0, why.1, &denial.reason),
                    now,
                    exists,
                );
            }
            Entry::Refuse { call, failure, .. } => {
                self.denial(call, "", (&failure.code, "", &failure.reason), now, exists);
            }
            Entry::End(_)
            | Entry::Output(_)
            | Entry::WrongKey { .. }
            | Entry::Violation { .. }
            | Entry::Recorded(_)
            | Entry::KeyUse { .. }
            | Entry::Attach(_)
            | Entry::Detach(_) => {}
        }
    }

    /// Notes that `call` of `principal` was denied or refused: by a word, a rule and a
    /// reason.
    pub(crate) fn denial(
        &mut self,
        call: &Call,
        principal: &str,
        (code, rule, reason): (&str, &str, &str),
        now: Duration,
        exists: impl Fn(&str) -> bool,
    ) {
        self.denied = self.denied.saturating_add(1);
        let tool = if exists(&call.tool) { &call.tool } else { "" };
        self.count(principal, tool, Count::Denied, now);
        if self.denials.len() >= DENIALS_MAX {
            self.denials.pop_front();
        }
        let denied = Denied {
            ago_ms: 0,
            who: who(principal, call.caller.as_ref()),
            tool: cut(&call.tool, 64),
            code: cut(code, 48),
            rule: cut(rule, 96),
            reason: cut(reason, 240),
        };
        self.denials.push_back((now, denied));
    }

    /// How many calls were started, and denied, since the worker began.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.started, self.denied)
    }

    /// The last seconds.
    pub(crate) fn seconds(&mut self, now: Duration) -> Vec<Second> {
        self.all.advance(now);
        self.all.seconds.iter().copied().collect()
    }

    /// What was called in the last minute, the most frequent first.
    pub(crate) fn rates(&mut self, now: Duration) -> Vec<Rate> {
        self.forget(now);
        let rate = |((principal, tool), counts): (&(String, String), &Counts)| Rate {
            principal: cut(principal, 64),
            tool: cut(tool, 64),
            last_10s: counts.sum(10, |second| second.started),
            last_60s: counts.sum(SECONDS, |second| second.started),
            denied_60s: counts.sum(SECONDS, |second| second.denied),
        };
        let mut rates: Vec<Rate> = self.pairs.iter().map(rate).collect();
        rates.sort_by_key(|one| std::cmp::Reverse((one.last_60s, one.denied_60s)));
        rates
    }

    /// How much is used of the limits that calls have met under `policy`, the fullest
    /// first.
    pub(crate) fn limits(
        &mut self,
        admission: &Admission,
        policy: &PolicyDigest,
        now: Now,
    ) -> Vec<Used> {
        self.limits.retain(|_, (_, under)| under == policy);
        let used = |(bound, _): &(Bound, PolicyDigest)| used(bound, admission, now);
        let mut limits: Vec<Used> = self.limits.values().map(used).collect();
        let full = |one: &Used| u64::from(one.used) * 1_000_000 / u64::from(one.most.max(1));
        limits.sort_by_key(|one| std::cmp::Reverse(full(one)));
        limits
    }

    /// What was denied, the latest first.
    pub(crate) fn denials(&self, now: Duration) -> impl Iterator<Item = Denied> {
        self.denials.iter().rev().map(move |(at, denied)| Denied {
            ago_ms: milliseconds(now.saturating_sub(*at)),
            ..denied.clone()
        })
    }

    fn count(&mut self, principal: &str, tool: &str, count: Count, now: Duration) {
        self.all.count(count, now);
        let mut pair = (principal.to_owned(), tool.to_owned());
        if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&pair) {
            self.forget(now);
        }
        if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&pair) {
            // All others together.
            pair = (String::new(), String::new());
        }
        self.pairs.entry(pair).or_default().count(count, now);
    }

    fn forget(&mut self, now: Duration) {
        self.pairs.retain(|_, counts| {
            counts.advance(now);
            let none = Second::default();
            counts.seconds.iter().any(|second| *second != none)
        });
    }

    fn meet(&mut self, bound: &Bound, call: &Call) {
        let name = (bound.counter.clone(), bound.rule.clone());
        if self.limits.len() < LIMITS_MAX || self.limits.contains_key(&name) {
            self.limits.insert(name, (bound.clone(), call.policy));
        }
    }
}

impl Counts {
    fn count(&mut self, count: Count, now: Duration) {
        self.advance(now);
        if let Some(second) = self.seconds.back_mut() {
            let counted = match count {
                Count::Started => &mut second.started,
                Count::Denied => &mut second.denied,
            };
            *counted = counted.saturating_add(1);
        }
    }

    /// Lets the second of `now` be the latest.
    fn advance(&mut self, now: Duration) {
        let passed = now.as_secs().saturating_sub(self.latest);
        for _ in 0..passed.min(SECONDS as u64) {
            self.seconds.push_back(Second::default());
        }
        let old = self.seconds.len().saturating_sub(SECONDS);
        self.seconds.drain(..old);
        self.latest = now.as_secs().max(self.latest);
    }

    /// What the last `seconds` have together.
    fn sum(&self, seconds: usize, of: impl Fn(&Second) -> u32) -> u32 {
        self.seconds.iter().rev().take(seconds).map(of).sum()
    }
}

fn used(bound: &Bound, admission: &Admission, now: Now) -> Used {
    let (most, window) = match bound.most {
        Most::Rate { calls, window } => (calls, Some(window)),
        Most::Concurrency(most) => (most, None),
        Most::Quota(most) => (most, Some(Duration::from_secs(24 * 60 * 60))),
    };
    // `tool.backup uid 1000` counts `tool.backup.rate` for that user.
    let scope = bound.rule.rsplit_once('.').map_or("", |(scope, _)| scope);
    let whom = bound.counter.strip_prefix(scope).unwrap_or_default();
    Used {
        rule: cut(&bound.rule, 96),
        whom: cut(whom.trim_start(), 64),
        used: admission.used(bound, now),
        most,
        window_ms: window.map(milliseconds),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Proven;
    use wire::Failure;

    fn call(tool: &str) -> Call {
        Call {
            correlation: wire::Correlation::default(),
            policy: [7; 32],
            caller: Some(Proven::Peer {
                uid: 1000,
                gid: 1000,
                groups: Vec::new(),
            }),
            claim: None,
            approval: None,
            background: false,
            queued: None,
            confirmed: false,
            tool: tool.to_owned(),
            arguments: None,
        }
    }

    fn refuse(traffic: &mut Traffic, tool: &str, second: u64) {
        let failure = Failure {
            code: "c".to_owned(),
            reason: "é".repeat(1000),
        };
        let call = call(tool);
        let now = Duration::from_secs(second);
        traffic.note(
            &Entry::Refuse {
                call,
                failure,
                left_out: 0,
            },
            now,
            |tool| tool != "made up",
        );
    }

    #[test]
    fn a_minute_is_remembered() {
        let mut traffic = Traffic::default();
        for second in [1000, 1000, 1005, 1055] {
            refuse(&mut traffic, "t", second);
        }
        let denied = |traffic: &mut Traffic, second| {
            let rates = traffic.rates(Duration::from_secs(second));
            rates.first().map(|rate| rate.denied_60s)
        };
        assert_eq!(denied(&mut traffic, 1055), Some(4));
        assert_eq!(denied(&mut traffic, 1060), Some(2));
        assert_eq!(denied(&mut traffic, 1065), Some(1));
        assert_eq!(traffic.seconds(Duration::from_secs(1065)).len(), SECONDS);
        assert_eq!(denied(&mut traffic, 9000), None);
        assert_eq!(traffic.totals(), (0, 4));
    }

    #[test]
    fn names_that_callers_make_up_are_one() {
        let mut traffic = Traffic::default();
        for tool in ["made up", "made up", "t"] {
            refuse(&mut traffic, tool, 5);
        }
        let rates = traffic.rates(Duration::from_secs(5));
        let told = |rate: &Rate| (rate.tool.clone(), rate.denied_60s);
        let told: Vec<_> = rates.iter().map(told).collect();
        assert_eq!(told, [(String::new(), 2), ("t".to_owned(), 1)]);
    }

    #[test]
    fn everything_is_bounded() {
        let mut traffic = Traffic::default();
        for number in 0..1000 {
            refuse(&mut traffic, &format!("t{number}"), 5);
        }
        assert_eq!(traffic.pairs.len(), PAIRS_MAX + 1);
        let now = Duration::from_secs(6);
        assert_eq!(traffic.denials(now).count(), DENIALS_MAX);
        let last = traffic.denials(now).next().unwrap();
        assert_eq!((&*last.tool, last.ago_ms), ("t999", 1000));
        assert!(last.reason.len() <= 243 && last.reason.ends_with('…'));
    }
}
