//! What a policy costs: reading a large one, relative to parsing its TOML alone, and
//! deciding a call by policies of 10 to 10,000 tools. `cargo bench -p mini-mcp-policy`.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed expectation ends the benchmark"
)]

use policy::{
    Account, Accounts, Arguments, Caller, Decision, Peer, Policy, Setting, Source, Value,
};
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};
use toml::de::DeTable;

const PRINCIPALS: usize = 1000;
const LOADS: usize = 11;
const SAMPLES: usize = 2001;
/// Decisions of one sample: one alone is shorter than the clock's grain.
const BATCH: u32 = 50;

/// User `userN` has uid 1000 + N.
struct Host;

impl Accounts for Host {
    fn user(&self, name: &str) -> Option<Account> {
        let number: u32 = name.strip_prefix("user")?.parse().ok()?;
        Some(Account {
            uid: 1000 + number,
            gid: 1000 + number,
            home: format!("/home/{name}").into(),
        })
    }

    fn group(&self, _name: &str) -> Option<u32> {
        None
    }
}

/// A policy of so many tools, each with three arguments, an example's worth of rules
/// and one of ten profiles.
fn text(tools: usize, principals: usize) -> String {
    let mut text = String::from("version = 1\n");
    for number in 0..principals {
        writeln!(
            text,
            "[principal.p{number}]\nunix_users = [\"user{number}\"]"
        )
        .unwrap();
    }
    for number in 0..10 {
        writeln!(
            text,
            "[profile.f{number}]\nrun_as = \"user1\"\nread = [\"/usr\", \"/srv/{number}\"]\ntimeout = \"10s\""
        )
        .unwrap();
    }
    for number in 0..tools {
        let (profile, one, other) = (number % 10, number % principals, (number + 1) % principals);
        writeln!(
            text,
            "[tool.t{number}]\ndescription = \"Number {number}\"\nprofile = \"f{profile}\"\n\
             command = [\"/usr/bin/tail\", \"-n\", \"{{lines}}\", \"--by={{by}}\", \"--\", \"{{file}}\"]\n\
             allow = [\"p{one}\", \"p{other}\"]\ndeny = [\"p{denied}\"]\n[tool.t{number}.args]\n\
             lines = {{ type = \"integer\", min = 1, max = 5000, default = 100 }}\n\
             by = {{ type = \"enum\", values = [\"name\", \"time\"], optional = true }}\n\
             file = {{ type = \"path\", under = [\"/var/log\"] }}",
            denied = (number + 2) % principals,
        )
        .unwrap();
    }
    text
}

fn parsed(text: &str) -> Policy {
    let parsed = Policy::parse_files(&[Source::new("bench", text)], &Setting::System, &Host);
    parsed.unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

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
    let caller = Caller::from(Peer {
        uid: 1001,
        gid: 1001,
        groups: vec![1001],
        login: None,
    });
    let arguments = Arguments::from([
        ("lines".to_owned(), Value::Integer(5)),
        ("file".to_owned(), Value::Text("/var/log/syslog".to_owned())),
    ]);
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
