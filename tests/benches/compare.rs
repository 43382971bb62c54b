//! The tables of docs/comparison.md: what gets through this sandbox and others, which
//! everyday programs work, and what a launch costs. Needs root, as the tests do, and
//! bubblewrap; nsjail where it is in `PATH` or where `NSJAIL` says.
//!
//! `cargo bench -p mini-mcp-tests --bench compare` prints them; with `MINI_MCP_BLESS=1`
//! they are written into the page. `-- table` or `-- cost` does one part, the first
//! also of unoptimized binaries (`cargo bench --profile dev`).

#![forbid(unsafe_code)]

use harness::comparison::{Column, Field, Page, Sandbox, Terms, Worked, escapes, everyday, table};
use harness::{ALICE, scratch};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn main() {
    // Cargo adds `--bench`.
    let parts: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |part: &str| {
        let named = parts.iter().filter(|word| !word.starts_with("--"));
        named.clone().count() == 0 || named.clone().any(|word| word == part)
    };
    build_binaries();
    let there = Sandbox::ALL.into_iter().filter(|sandbox| sandbox.there());
    let there: Vec<Sandbox> = there.collect();
    let mut made = vec![("versions", versions(&there))];
    if wanted("table") {
        made.extend(measure(&there));
    }
    if wanted("cost") {
        made.push(("cost", cost(&there)));
    }
    for (name, text) in &made {
        println!("{name}\n\n{text}");
    }
    if std::env::var_os("MINI_MCP_BLESS").is_some() {
        let mut page = Page::read();
        for (name, text) in &made {
            page.set(name, text);
        }
        page.write();
    }
}

/// The table and the lists.
fn measure(there: &[Sandbox]) -> [(&'static str, String); 2] {
    let field = Field::new();
    let probes = field.positive();
    let columns: Vec<Column> = there
        .iter()
        .map(|&sandbox| {
            let (attacked, worked) = (field.attack(sandbox, &probes), everyday(sandbox));
            report(sandbox, &attacked.broken, &worked);
            Column {
                sandbox,
                attacked,
                worked,
            }
        })
        .collect();
    [
        ("table", table(&probes, &columns)),
        ("escapes", escapes(&columns)),
    ]
}

fn report(sandbox: Sandbox, broken: &[String], worked: &Worked) {
    for line in broken {
        eprintln!("{}: could not be tried: {line}", sandbox.name());
    }
    for (_, told) in &worked.failed {
        eprintln!("{}: {told}", sandbox.name());
    }
}

fn versions(there: &[Sandbox]) -> String {
    let mut all: Vec<String> = there
        .iter()
        .filter_map(|sandbox| sandbox.version())
        .collect();
    all.dedup();
    let output = Command::new("uname").args(["-s", "-r", "-m"]).output();
    let system = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    all.push(system.unwrap_or_default());
    format!("{}.\n", all.join(", "))
}

/// The binaries of the profile that this benchmark was built with.
fn build_binaries() {
    let target = harness::target_directory();
    if !target.ends_with("release") {
        return;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--release",
        "--quiet",
        "-p",
        "mini-mcp",
        "-p",
        "mini-mcp-worker",
    ]);
    cargo
        .arg("--target-dir")
        .arg(target.parent().expect("a target directory"));
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cannot build the binaries"
    );
}

const WARM_UP: usize = 20;
const ROUNDS: usize = 300;

/// One launch of /usr/bin/true by each in turn, against a bare spawn by the same user.
fn cost(there: &[Sandbox]) -> String {
    assert!(
        harness::target_directory().ends_with("release"),
        "hint: run `cargo bench -p mini-mcp-tests --bench compare`"
    );
    let scratch = scratch();
    let terms = Terms::shipped(scratch.path());
    let mut commands: Vec<(String, Command)> = vec![("bare spawn".into(), bare())];
    for sandbox in there.iter().filter(|sandbox| **sandbox != Sandbox::Nothing) {
        commands.push((sandbox.name().to_owned(), sandbox.launcher(&terms)));
    }
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); commands.len()];
    for round in 0..WARM_UP + ROUNDS {
        for ((_, command), times) in commands.iter_mut().zip(&mut times) {
            let start = Instant::now();
            let status = command.status().expect("it starts");
            let time = start.elapsed();
            assert!(status.success(), "{command:?}");
            if round >= WARM_UP {
                times.push(time);
            }
        }
    }
    let all: Vec<[f64; 2]> = times.iter_mut().map(|times| percentiles(times)).collect();
    let mut text =
        "| one launch of `/usr/bin/true` | p10 | p50 |\n| --- | ---: | ---: |\n".to_owned();
    for ((name, _), time) in commands.iter().zip(&all) {
        text += &format!(
            "| {name} | {:.1} | {:.1} |\n",
            time[0] / all[0][0],
            time[1] / all[0][1]
        );
    }
    text
}

fn bare() -> Command {
    let mut command = Command::new("/usr/bin/true");
    command.uid(ALICE.uid()).gid(ALICE.gid());
    command.env_clear().stdin(Stdio::null());
    command
}

/// What a tenth and a half of all runs do not exceed, in seconds.
fn percentiles(times: &mut [Duration]) -> [f64; 2] {
    times.sort_unstable();
    [10, 50].map(|percent| times[times.len() * percent / 100].as_secs_f64())
}
