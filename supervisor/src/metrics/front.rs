//! The supervisor's own numbers: what the worker does not see.

use super::text::Kind::{Counter, Gauge, Histogram};
use super::text::{Text, seconds};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wire::BUCKETS_US;

/// Statuses that are told apart; others count by their first digit.
const STATUSES: [u16; 12] = [200, 202, 400, 401, 403, 404, 405, 406, 408, 413, 429, 503];

/// What stands for the others.
const OTHERS: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// This process has one front.
pub(crate) static FRONT: Numbers = Numbers::new();

/// Counters since this process began.
#[derive(Debug)]
pub(crate) struct Numbers {
    statuses: [AtomicU64; STATUSES.len()],
    others: [AtomicU64; OTHERS.len()],
    refused: AtomicU64,
    times: [AtomicU64; BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

/// What is so at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Clients that are attached, and connections from the network.
    pub(crate) connections: usize,
    /// Sessions over HTTP.
    pub(crate) sessions: usize,
}

impl Numbers {
    const fn new() -> Self {
        Self {
            statuses: [const { AtomicU64::new(0) }; STATUSES.len()],
            others: [const { AtomicU64::new(0) }; OTHERS.len()],
            refused: AtomicU64::new(0),
            times: [const { AtomicU64::new(0) }; BUCKETS_US.len() + 1],
            sum_us: AtomicU64::new(0),
        }
    }

    /// Counts an answer over HTTP.
    pub(crate) fn answered(&self, status: u16) {
        let told = STATUSES.iter().position(|one| *one == status);
        let class = usize::from(status / 100).saturating_sub(1);
        let counter = match told {
            Some(place) => self.statuses.get(place),
            None => self.others.get(class),
        };
        counter.iter().for_each(|counter| add(counter, 1));
    }

    /// Counts a client that was not let in.
    pub(crate) fn refused(&self) {
        add(&self.refused, 1);
    }

    /// Counts a request of MCP that was answered after `time`.
    pub(crate) fn served(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|bound| *bound < time);
        self.times
            .get(bucket)
            .iter()
            .for_each(|count| add(count, 1));
        add(&self.sum_us, time);
    }

    /// All of it as text.
    pub(crate) fn text(&self, now: Now) -> String {
        let mut text = Text::default();
        let help = "Clients that are attached, and connections from the network.";
        text.one("front_connections", Gauge, help, now.connections);
        text.one(
            "front_http_sessions",
            Gauge,
            "Sessions over HTTP.",
            now.sessions,
        );
        let help = "Clients and connections that were closed at once.";
        text.one("front_refused_total", Counter, help, get(&self.refused));
        self.statuses(&mut text);
        let help = "How long requests of MCP took, calls of tools among them.";
        text.family("front_request_seconds", Histogram, help);
        let counts: Vec<u64> = self.times.iter().map(get).collect();
        text.times("front_request_seconds", &[], &counts, get(&self.sum_us));
        process(&mut text);
        text.finish()
    }

    fn statuses(&self, text: &mut Text) {
        text.family(
            "front_http_responses_total",
            Counter,
            "Answers over HTTP, by status.",
        );
        let told = STATUSES.iter().map(u16::to_string).zip(&self.statuses);
        let others = OTHERS
            .iter()
            .map(|word| (*word).to_owned())
            .zip(&self.others);
        for (status, count) in told.chain(others) {
            text.sample(
                "front_http_responses_total",
                &[("status", &status)],
                get(count),
            );
        }
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// What the kernel tells without a file: this process may read none.
fn process(text: &mut Text) {
    let micros = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap_or_default();
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return;
    };
    let cpu = micros(usage.user_time()) + micros(usage.system_time());
    let help = "Processor time of the supervisor.";
    text.one("front_cpu_seconds_total", Counter, help, seconds(cpu));
    let peak = u64::try_from(usage.max_rss()).unwrap_or_default() * 1024;
    let help = "Largest resident memory that the supervisor had.";
    text.one("front_resident_peak_bytes", Gauge, help, peak);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_counts_once() {
        let numbers = Numbers::new();
        for status in [200, 200, 401, 418, 500, 302, 999] {
            numbers.answered(status);
        }
        numbers.served(Duration::from_millis(2));
        let text = numbers.text(Now {
            connections: 3,
            sessions: 1,
        });
        for line in [
            "mini_mcp_front_http_responses_total{status=\"200\"} 2",
            "mini_mcp_front_http_responses_total{status=\"401\"} 1",
            "mini_mcp_front_http_responses_total{status=\"4xx\"} 1",
            "mini_mcp_front_http_responses_total{status=\"5xx\"} 1",
            "mini_mcp_front_http_responses_total{status=\"3xx\"} 1",
            "mini_mcp_front_request_seconds_bucket{le=\"0.0025\"} 1",
            "mini_mcp_front_request_seconds_sum 0.002",
            "mini_mcp_front_connections 3",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }
}
