//! What a policy costs: reading a large one, relative to parsing its TOML alone, and
//! deciding a call by policies of 10 to 10,000 tools. `cargo bench -p mini-mcp-policy`.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed expectation ends the benchmark"
)]

#[path = "policy/large.rs"]
mod large;

use large::{arguments, caller, parsed, text};
use policy::Decision;
use std::hint::black_box;
use std::time::{Duration, Instant};
use toml::de::DeTable;

const PRINCIPALS: usize = 1000;
const LOADS: usize = 11;
const SAMPLES: usize = 2001;
/// Decisions of one sample: one alone is shorter than the clock's grain.
const BATCH: u32 = 50;

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap()
}

fn load() {
    let text = text(10_000, PRINCIPALS);
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    // One of each in turn, so that noise meets both alike.
    for _ in 0..LOADS {
        bare.push(timed(|| DeTable::parse(&text).unwrap()));
        whole.push(timed(|| parsed(&text)));
    }
    let (bare, whole) = (median(bare), median(whole));
    println!(
        "10,000 tools, {PRINCIPALS} principals, {} bytes, p50 of {LOADS}:",
        text.len()
    );
    println!("  TOML parsed          {bare:>10.1?}");
    let ratio = whole.as_secs_f64() / bare.as_secs_f64();
    println!("  policy read          {whole:>10.1?}  {ratio:.2} times that");
}

fn decisions() {
    println!("a decision with three arguments, p50 of {SAMPLES}:");
    let (caller, arguments) = (caller(), arguments());
    for tools in [10, 100, 1000, 10_000] {
        let policy = parsed(&text(tools, PRINCIPALS));
        let (allowed, denied) = ("t1", format!("t{}", tools - 1));
        let decide = |tool: &str| policy.decide(&caller, tool, &arguments);
        assert!(matches!(decide(allowed), Decision::Allow(_)));
        assert!(matches!(decide(&denied), Decision::Deny(_)));
        let each = |tool: &str| {
            let sample =
                || timed(|| (0..BATCH).for_each(|_| drop(black_box(decide(tool))))) / BATCH;
            median((0..SAMPLES).map(|_| sample()).collect())
        };
        println!(
            "  {tools:>6} tools         allowed {:>8.2?}  denied {:>8.2?}",
            each(allowed),
            each(&denied)
        );
    }
}

fn main() {
    load();
    decisions();
}
