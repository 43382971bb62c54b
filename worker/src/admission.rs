//! Who may run one more command now: sliding windows, running commands and daily
//! quotas, counted by the worker's first process, which every start goes through.
//!
//! It knows no policy: a lane tells which bounds hold for its call. Only calls
//! that are admitted count, so a client that is refused does not move its own
//! reset any further away.

use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Counters kept before those that count nothing any more are dropped.
const COUNTERS_KEPT: usize = 1024;

/// One limit of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bound {
    /// What it counts; calls with the same counter are counted together.
    pub counter: String,
    /// The part of the policy that sets it, such as `tool.backup.rate`.
    pub rule: String,
    /// How much it leaves.
    pub most: Most,
}

/// How much a [`Bound`] leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Most {
    /// Calls in any window of this length.
    Rate { calls: u32, window: Duration },
    /// Commands at the same time.
    Concurrency(u32),
    /// Calls a day, which begins at 00:00 UTC.
    Quota(u32),
}

/// When something happens, on the clock for windows and on the one for days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Never goes back.
    pub instant: Instant,
    /// Since 1970-01-01T00:00:00Z.
    pub wall: Duration,
}

impl Now {
    /// As the kernel tells it.
    pub(crate) fn read() -> Self {
        Self {
            instant: Instant::now(),
            wall: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }
}

/// All counters.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    windows: HashMap<String, Window>,
    running: HashMap<String, u32>,
    days: HashMap<String, Day>,
}

/// The calls of one counter that a window may still hold, the oldest first.
#[derive(Debug, Default)]
struct Window {
    calls: VecDeque<Instant>,
    length: Duration,
}

/// The calls of one counter on one day.
#[derive(Debug, Clone, Copy, Default)]
struct Day {
    number: u64,
    calls: u32,
}

/// What an admitted command occupies until it has ended.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<String>);

impl Admission {
    /// Why a call with these `bounds` is not admitted now, however many commands end;
    /// nothing is counted yet.
    pub(crate) fn refusal(&mut self, bounds: &[Bound], now: Now) -> Option<wire::Denial> {
        bounds.iter().find_map(|bound| {
            let (code, reason) = match bound.most {
                Most::Rate { calls, window } => self.too_often(bound, calls, window, now),
                Most::Concurrency(_) => None,
                Most::Quota(most) => self.used_up(bound, most, now),
            }?;
            Some(denial(bound, code, reason))
        })
    }

    /// Why there is no place for a call with these `bounds`, until others end.
    pub(crate) fn full(&self, bounds: &[Bound]) -> Option<wire::Denial> {
        bounds.iter().find_map(|bound| {
            let Most::Concurrency(most) = bound.most else {
                return None;
            };
            let running = self.running.get(&bound.counter).copied().unwrap_or(0);
            let reason = || format!("{running} calls are running, and {most} are allowed at once");
            (running >= most).then(|| denial(bound, "too_many_running", reason()))
        })
    }

    /// Counts a call that was admitted and recorded.
    pub(crate) fn count(&mut self, bounds: &[Bound], now: Now) -> Places {
        let mut places = Vec::new();
        for Bound { counter, most, .. } in bounds {
            match most {
                Most::Rate { window: length, .. } => {
                    let window = self.windows.entry(counter.clone()).or_default();
                    window.length = *length;
                    window.calls.push_back(now.instant);
                }
                Most::Concurrency(_) => {
                    *self.running.entry(counter.clone()).or_default() += 1;
                    places.push(counter.clone());
                }
                Most::Quota(_) => self.today(counter, now).calls += 1,
            }
        }
        self.forget(now);
        Places(places)
    }

    /// How much of `bound` is used, for whoever watches.
    pub(crate) fn used(&self, bound: &Bound, now: Now) -> u32 {
        let counter = &bound.counter;
        match bound.most {
            Most::Rate { window, .. } => {
                let calls = self.windows.get(counter).into_iter();
                let calls = calls.flat_map(|window| &window.calls);
                let age = |call: &Instant| now.instant.saturating_duration_since(*call);
                let within = calls.filter(|call| age(call) < window).count();
                u32::try_from(within).unwrap_or(u32::MAX)
            }
            Most::Concurrency(_) => self.running.get(counter).copied().unwrap_or(0),
            Most::Quota(_) => {
                let today = now.wall.as_secs() / DAY.as_secs();
                let day = self.days.get(counter).filter(|day| day.number >= today);
                day.map_or(0, |day| day.calls)
            }
        }
    }

    /// Gives back what a command occupied that has ended.
    pub(crate) fn leave(&mut self, places: Places) {
        for counter in places.0 {
            if let Some(running) = self.running.get_mut(&counter) {
                *running = running.saturating_sub(1);
                if *running == 0 {
                    self.running.remove(&counter);
                }
            }
        }
    }

    fn too_often(
        &mut self,
        bound: &Bound,
        most: u32,
        length: Duration,
        now: Now,
    ) -> Option<(&'static str, String)> {
        let window = self.windows.entry(bound.counter.clone()).or_default();
        window.length = length;
        window.forget(now.instant);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // A reload may have lowered the limit: more calls may stand there than it allows.
        let blocking = window.calls.len().checked_sub(most)?;
        let opens = *window.calls.get(blocking)? + length;
        let wait = seconds(opens.saturating_duration_since(now.instant));
        let reason = format!(
            "{most} calls in {} are allowed; the next one in {wait}",
            seconds(length)
        );
        Some(("rate_limited", reason))
    }

    fn used_up(&mut self, bound: &Bound, most: u32, now: Now) -> Option<(&'static str, String)> {
        let day = *self.today(&bound.counter, now);
        let ends = DAY * u32::try_from(day.number + 1).unwrap_or(u32::MAX);
        let wait = seconds(ends.saturating_sub(now.wall));
        let reason =
            || format!("{most} calls a day are allowed; the next one at 00:00 UTC, in {wait}");
        (day.calls >= most).then(|| ("quota_exceeded", reason()))
    }

    /// The day that counts: a clock that steps back does not begin it anew.
    fn today(&mut self, counter: &str, now: Now) -> &mut Day {
        let number = now.wall.as_secs() / DAY.as_secs();
        let day = self.days.entry(counter.to_owned()).or_default();
        if number > day.number {
            *day = Day { number, calls: 0 };
        }
        day
    }

    /// Drops counters that count nothing any more, when there are many.
    fn forget(&mut self, now: Now) {
        if self.windows.len() > COUNTERS_KEPT {
            self.windows.retain(|_, window| {
                window.forget(now.instant);
                !window.calls.is_empty()
            });
        }
        if self.days.len() > COUNTERS_KEPT {
            let today = now.wall.as_secs() / DAY.as_secs();
            self.days.retain(|_, day| day.number >= today);
        }
    }
}

impl Window {
    /// Drops the calls that a window which ends now does not hold.
    fn forget(&mut self, now: Instant) {
        let outside = |call: &Instant| now.saturating_duration_since(*call) >= self.length;
        while self.calls.front().is_some_and(outside) {
            self.calls.pop_front();
        }
    }
}

fn denial(bound: &Bound, code: &str, reason: String) -> wire::Denial {
    wire::Denial {
        code: code.to_owned(),
        rule: bound.rule.clone(),
        reason,
    }
}

/// `time` in whole seconds, rounded up: never sooner than it is true.
fn seconds(time: Duration) -> String {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = whole.max(1);
    let mut text = String::new();
    for (length, unit) in units {
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Duration = Duration::from_secs(20_000 * 86_400 + 43_200);

    fn at(start: Instant, milliseconds: u64) -> Now {
        let since = Duration::from_millis(milliseconds);
        Now {
            instant: start + since,
            wall: NOON + since,
        }
    }

    fn bound(most: Most) -> Bound {
        Bound {
            counter: "c".to_owned(),
            rule: "tool.t.x".to_owned(),
            most,
        }
    }

    fn code(admission: &mut Admission, bound: &Bound, now: Now) -> Option<String> {
        let denial = admission.refusal(std::slice::from_ref(bound), now);
        denial.map(|denial| format!("{}: {}", denial.code, denial.reason))
    }

    #[test]
    fn a_rate_tells_when_the_next_call_may_come() {
        let (mut admission, start) = (Admission::default(), Instant::now());
        let window = Duration::from_secs(90);
        let rate = bound(Most::Rate { calls: 2, window });
        for time in [0, 30_000] {
            assert_eq!(code(&mut admission, &rate, at(start, time)), None);
            admission.count(std::slice::from_ref(&rate), at(start, time));
        }
        assert_eq!(
            code(&mut admission, &rate, at(start, 60_500)).as_deref(),
            Some("rate_limited: 2 calls in 1min30s are allowed; the next one in 30s")
        );
        assert_eq!(code(&mut admission, &rate, at(start, 90_000)), None);
        // A lower limit after a reload: both calls must have left the window.
        let one = bound(Most::Rate { calls: 1, window });
        assert!(code(&mut admission, &one, at(start, 119_999)).is_some());
        assert_eq!(code(&mut admission, &one, at(start, 120_000)), None);
    }

    #[test]
    fn places_are_free_again_when_the_command_has_ended() {
        let (mut admission, now) = (Admission::default(), at(Instant::now(), 0));
        let two = [bound(Most::Concurrency(2))];
        let first = admission.count(&two, now);
        let second = admission.count(&two, now);
        assert_eq!(
            admission.full(&two).map(|denial| denial.reason).as_deref(),
            Some("2 calls are running, and 2 are allowed at once")
        );
        // No wait for another minute would help.
        assert_eq!(admission.refusal(&two, now), None);
        admission.leave(first);
        assert_eq!(admission.full(&two), None);
        admission.leave(second);
        assert!(admission.running.is_empty());
    }

    #[test]
    fn a_quota_begins_anew_at_midnight_and_never_when_the_clock_steps_back() {
        let (mut admission, start) = (Admission::default(), Instant::now());
        let one = bound(Most::Quota(1));
        admission.count(std::slice::from_ref(&one), at(start, 0));
        assert_eq!(
            code(&mut admission, &one, at(start, 3_600_000)).as_deref(),
            Some("quota_exceeded: 1 calls a day are allowed; the next one at 00:00 UTC, in 11h")
        );
        let yesterday = Now {
            wall: NOON - DAY,
            ..at(start, 1)
        };
        assert!(code(&mut admission, &one, yesterday).is_some());
        assert_eq!(code(&mut admission, &one, at(start, 43_200_000)), None);
    }

    #[test]
    fn counters_of_callers_who_stay_away_are_dropped() {
        let (mut admission, start) = (Admission::default(), Instant::now());
        let window = Duration::from_secs(1);
        for caller in 0..2 * COUNTERS_KEPT as u64 {
            let rate = Bound {
                counter: caller.to_string(),
                ..bound(Most::Rate { calls: 1, window })
            };
            admission.count(&[rate], at(start, caller * 10));
        }
        assert!(admission.windows.len() <= COUNTERS_KEPT + 1);
    }

    proptest! {
        /// The window against its definition: a call is admitted exactly when
        /// fewer than `most` admitted calls are younger than `length`.
        #[test]
        fn no_window_ever_holds_more_calls_than_allowed(
            most in 1_u32..6,
            length in 1_u64..500,
            steps in prop::collection::vec(0_u64..200, 1..100),
        ) {
            let (mut admission, start) = (Admission::default(), Instant::now());
            let window = Duration::from_millis(length);
            let rate = [bound(Most::Rate { calls: most, window })];
            let (mut now, mut admitted) = (0, Vec::<u64>::new());
            for step in steps {
                now += step;
                let young = admitted.iter().filter(|call| now - **call < length).count();
                let refusal = admission.refusal(&rate, at(start, now));
                prop_assert_eq!(refusal.is_none(), young < most as usize);
                if refusal.is_none() {
                    admission.count(&rate, at(start, now));
                    admitted.push(now);
                }
            }
        }
    }
}
