//! What the first process counts: a few numbers for each call, in maps that do not grow
//! with what callers make up. It only counts; who asks makes text of it.

use crate::audit::{Ending, Entry};
use crate::worker::Spared;
use policy::Policy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wire::{BUCKETS_US, Calls, Counted, Denial, Outcome, Stage, StageTimes, Status};

/// Most pairs of a tool and what became of its calls, so that an answer has room.
const CALLS_MAX: usize = 400;

/// Most codes of denials, some of which are the supervisor's words.
const CODES_MAX: usize = 64;

/// Longest label, in bytes.
const LABEL_MAX: usize = 64;

/// Stands for what is not told apart.
const OTHER: &str = "other";

/// Who let a call run, or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Decision {
    Allow,
    Approve,
    Deny,
    Refuse,
}

impl Decision {
    fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Refuse => "refuse",
        }
    }
}

/// A call that runs, to be counted when it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting {
    tool: usize,
    decision: Decision,
}

/// Counters since the first process began.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Tools by name; the number stands for it below.
    tools: BTreeMap<String, usize>,
    calls: BTreeMap<(usize, Decision, &'static str), u64>,
    denials: BTreeMap<String, u64>,
    approvals: BTreeMap<&'static str, u64>,
    stages: BTreeMap<Stage, Histogram>,
    /// Policies that came into force after the first.
    pub policy_loads: u64,
    /// Policies that could not be used.
    pub policy_failures: u64,
    /// Answers to reports that were put off.
    pub slowed: u64,
    violations: BTreeMap<&'static str, u64>,
    /// By the event that there was no line for.
    left_out: BTreeMap<&'static str, u64>,
}

impl Metrics {
    /// Counts what the trail tells by `entry`; `running` is of the lane that it is about.
    pub(crate) fn recorded(
        &mut self,
        policy: &Policy,
        running: &mut Option<Counting>,
        entry: &Entry,
    ) {
        match entry {
            Entry::Start { call, .. } => {
                let tool = self.tool(policy, &call.tool);
                let decision = match call.approval {
                    Some(_) => Decision::Approve,
                    None => Decision::Allow,
                };
                *running = Some(Counting { tool, decision });
            }
            Entry::End(ending) => self.ended(running.take(), word(ending)),
            Entry::Deny { call, denial, .. } => self.denied(policy, &call.tool, denial),
            Entry::Refuse { call, .. } => {
                let tool = self.tool(policy, &call.tool);
                self.count(tool, Decision::Refuse, "failed");
            }
            Entry::Output(_)
            | Entry::WrongKey { .. }
            | Entry::Violation { .. }
            | Entry::Recorded(_)
            | Entry::KeyUse { .. }
            | Entry::Attach(_)
            | Entry::Detach(_) => {}
        }
    }

    /// Counts a call that ran.
    pub(crate) fn ended(&mut self, running: Option<Counting>, outcome: &'static str) {
        if let Some(Counting { tool, decision }) = running {
            self.count(tool, decision, outcome);
        }
    }

    /// Counts a call that was denied.
    pub(crate) fn denied(&mut self, policy: &Policy, tool: &str, denial: &Denial) {
        let tool = self.tool(policy, tool);
        self.count(tool, Decision::Deny, "none");
        let known = self.denials.len() < CODES_MAX || self.denials.contains_key(&*denial.code);
        let code = match known && is_word(&denial.code) {
            true => denial.code.as_str(),
            false => OTHER,
        };
        add(&mut self.denials, code);
    }

    /// Counts what became of a request for approval.
    pub(crate) fn approval(&mut self, word: &'static str) {
        *self.approvals.entry(word).or_default() += 1;
    }

    /// Counts what nobody may do, by who does it.
    pub(crate) fn violated(&mut self, what: Spared) {
        let (event, by) = what.words();
        *self.violations.entry(by.unwrap_or(event)).or_default() += 1;
    }

    /// Counts what got no line.
    pub(crate) fn left_out(&mut self, what: Spared) {
        *self.left_out.entry(what.words().0).or_default() += 1;
    }

    /// What nobody may do, by each who could have done it.
    pub(crate) fn violations(&self) -> Vec<Counted> {
        let all = Spared::VIOLATIONS.map(|what| what.words().1.unwrap_or_default());
        each(&self.violations, &all)
    }

    /// What got no line, by each event of which there may be too many.
    pub(crate) fn lines_left_out(&self) -> Vec<Counted> {
        let mut all = Spared::ALL.map(|what| what.words().0).to_vec();
        all.dedup();
        each(&self.left_out, &all)
    }

    /// Adds how long a call took.
    pub(crate) fn took(&mut self, times: &Times) {
        for (stage, time) in Stage::ALL.into_iter().zip(times.0) {
            if let Some(time) = time {
                self.stages.entry(stage).or_default().add(time);
            }
        }
    }

    /// All calls, without tools that have none.
    pub(crate) fn calls(&self) -> Vec<Calls> {
        let names: BTreeMap<usize, &str> = self
            .tools
            .iter()
            .map(|(name, number)| (*number, name.as_str()))
            .collect();
        let told = |((tool, decision, outcome), count): (&(usize, Decision, &str), &u64)| Calls {
            tool: (*names.get(tool).unwrap_or(&OTHER)).to_owned(),
            decision: decision.word().to_owned(),
            outcome: (*outcome).to_owned(),
            count: *count,
        };
        self.calls.iter().map(told).collect()
    }

    /// Denials by code.
    pub(crate) fn denials(&self) -> Vec<Counted> {
        counted(self.denials.iter().map(|(code, count)| (&**code, count)))
    }

    /// Requests for approval by what became of them.
    pub(crate) fn approvals(&self) -> Vec<Counted> {
        counted(self.approvals.iter().map(|(word, count)| (*word, count)))
    }

    /// Every stage, also those that no call has been in.
    pub(crate) fn stages(&self) -> Vec<StageTimes> {
        let none = Histogram::default();
        let told = |stage| {
            let Histogram { counts, sum_us } = self.stages.get(&stage).unwrap_or(&none);
            StageTimes {
                stage,
                counts: counts.to_vec(),
                sum_us: *sum_us,
            }
        };
        Stage::ALL.map(told).into()
    }

    /// The number of a tool; one for all that the policy does not have.
    fn tool(&mut self, policy: &Policy, name: &str) -> usize {
        if let Some(number) = self.tools.get(name) {
            return *number;
        }
        let known = policy.command(name).is_some() && name.len() <= LABEL_MAX;
        let name = if known && self.tools.len() < CALLS_MAX {
            name
        } else {
            OTHER
        };
        let next = self.tools.len();
        *self.tools.entry(name.to_owned()).or_insert(next)
    }

    fn count(&mut self, tool: usize, decision: Decision, outcome: &'static str) {
        let key = (tool, decision, outcome);
        let room = self.calls.len() < CALLS_MAX || self.calls.contains_key(&key);
        let key = if room {
            key
        } else {
            (usize::MAX, decision, outcome)
        };
        *self.calls.entry(key).or_default() += 1;
    }
}

/// One word for how a run ended.
fn word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Failed(failure) if failure.code == "lane_lost" => "lost",
        Ending::Failed(_) => "failed",
        Ending::Finished(Outcome {
            timed_out: true, ..
        }) => "timed_out",
        Ending::Finished(Outcome {
            cancelled: true, ..
        }) => "cancelled",
        Ending::Finished(Outcome { status, .. }) => match status {
            Status::Exited(0) => "success",
            Status::Exited(_) => "error",
            Status::Signaled(_) => "signal",
        },
    }
}

/// Each of `words`, also those that there was nothing of.
fn each(map: &BTreeMap<&'static str, u64>, words: &[&'static str]) -> Vec<Counted> {
    counted(
        words
            .iter()
            .map(|word| (*word, map.get(word).unwrap_or(&0))),
    )
}

fn add(map: &mut BTreeMap<String, u64>, word: &str) {
    match map.get_mut(word) {
        Some(count) => *count += 1,
        None => drop(map.insert(word.to_owned(), 1)),
    }
}

fn counted<'a>(all: impl Iterator<Item = (&'a str, &'a u64)>) -> Vec<Counted> {
    let told = |(word, count): (&str, &u64)| Counted {
        word: word.to_owned(),
        count: *count,
    };
    all.map(told).collect()
}

/// Codes are words of small letters; the supervisor may send anything.
fn is_word(code: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=LABEL_MAX).contains(&code.len()) && code.bytes().all(letter)
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BUCKETS_US.len() + 1],
    sum_us: u64,
}

impl Histogram {
    fn add(&mut self, time_us: u64) {
        let bucket = BUCKETS_US.partition_point(|bound| *bound < time_us);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_us = self.sum_us.saturating_add(time_us);
    }
}

/// How long one call took in each of [`Stage::ALL`], in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Times([Option<u64>; Stage::ALL.len()]);

/// Times a call, stage after stage.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    begin: Instant,
    last: Instant,
    times: Times,
}

impl Stopwatch {
    /// Begins with the first stage.
    pub(crate) fn start() -> Self {
        let begin = Instant::now();
        Self {
            begin,
            last: begin,
            times: Times::default(),
        }
    }

    /// What has passed since the stage before was `stage`.
    pub(crate) fn lap(&mut self, stage: Stage) {
        let now = Instant::now();
        self.set(stage, now.saturating_duration_since(self.last));
        self.last = now;
    }

    /// All of them, at the end.
    pub(crate) fn stop(&mut self) -> Times {
        self.set(Stage::Total, self.begin.elapsed());
        self.times
    }

    fn set(&mut self, stage: Stage, time: Duration) {
        let place = Stage::ALL.iter().position(|one| *one == stage);
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(slot) = place.and_then(|place| self.times.0.get_mut(place)) {
            *slot = Some(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::Setting;

    fn policy() -> Policy {
        let text = "version = 1\n[principal.p]\nunix_users = [\"root\"]\n[profile.f]\nread = [\"/usr\"]\n\
                    [tool.t]\ndescription = \"d\"\ncommand = [\"/usr/bin/true\"]\nprofile = \"f\"\nallow = [\"p\"]\n";
        Policy::parse("p", text, &Setting::System, &policy_files::HostAccounts).unwrap()
    }

    fn denial(code: &str) -> Denial {
        Denial {
            code: code.to_owned(),
            rule: String::new(),
            reason: String::new(),
        }
    }

    #[test]
    fn what_callers_make_up_makes_no_label() {
        let (policy, mut metrics) = (policy(), Metrics::default());
        metrics.denied(&policy, "t", &denial("not_allowed"));
        for number in 0..10 * CALLS_MAX {
            let made_up = format!("made_up_{number}");
            metrics.denied(&policy, &made_up, &denial(&made_up));
            metrics.denied(&policy, "t", &denial("A\"}\n"));
        }
        let tools: Vec<(String, u64)> = metrics
            .calls()
            .into_iter()
            .map(|one| (one.tool, one.count))
            .collect();
        let number = 10 * CALLS_MAX as u64;
        let expected = [("t", number + 1), ("other", number)];
        assert_eq!(
            tools,
            expected.map(|(tool, count)| (tool.to_owned(), count))
        );
        let denials = metrics.denials();
        assert!(denials.len() <= CODES_MAX + 1, "{}", denials.len());
        assert!(denials.iter().all(|one| is_word(&one.word)), "{denials:?}");
        let all: u64 = denials.iter().map(|one| one.count).sum();
        assert_eq!(all, 2 * number + 1);
    }

    #[test]
    fn the_map_of_calls_has_an_end() {
        let mut metrics = Metrics::default();
        for tool in 0..2 * CALLS_MAX {
            metrics.count(tool, Decision::Allow, "success");
        }
        let calls = metrics.calls();
        assert_eq!(calls.len(), CALLS_MAX + 1);
        let all: u64 = calls.iter().map(|one| one.count).sum();
        assert_eq!(all, 2 * CALLS_MAX as u64);
    }

    #[test]
    fn a_time_is_in_the_first_bucket_that_holds_it() {
        let mut histogram = Histogram::default();
        for time in [0, 100, 101, 1_800_000_000, u64::MAX] {
            histogram.add(time);
        }
        let counts = histogram.counts;
        assert_eq!((counts[0], counts[1]), (2, 1));
        assert_eq!((counts[19], counts[20]), (1, 1));
    }

    #[test]
    fn stages_follow_one_another() {
        let mut watch = Stopwatch::start();
        watch.lap(Stage::Decide);
        std::thread::sleep(Duration::from_millis(2));
        watch.lap(Stage::Run);
        let Times([decide, approve, _, _, _, run, total]) = watch.stop();
        assert_eq!(approve, None);
        assert!(run >= Some(2_000) && total >= run && decide < total);
    }
}
