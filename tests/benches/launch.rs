//! What a launch costs: a full `tools/call` of /usr/bin/true over the Unix socket,
//! and a sandboxed launch as the worker sees it, both against a bare spawn of the
//! same program, interleaved in one run. Ratios carry over to other machines;
//! times do not. Needs root, as the tests do: `cargo bench -p mini-mcp-tests`.

#![forbid(unsafe_code)]

use harness::{ALICE, BASE, Front, Lane, Site, connect_as, target_directory};
use nix::sys::socket::SockType;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wire::{Reply, Status};

const WARM_UP: usize = 50;
const ROUNDS: usize = 1000;
const PROGRAM: &str = "/usr/bin/true";

/// The same program with a root directory of its own.
const ISOLATED: &str = r#"
[profile.isolated]
extends = "plain"
strength = "isolated"
read = ["/lib64"]

[tool.isolated]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "isolated"
allow = ["alice"]
"#;

fn main() {
    build_binaries();
    let mut bare = Series::new("bare spawn and wait");
    let mut launch = Series::new("sandboxed launch");
    let mut isolated = Series::new("isolated launch");
    let mut call = Series::new("tools/call");
    let (worker, session) = (Worker::start(), Session::start());
    for round in 0..WARM_UP + ROUNDS {
        // One of each in turn, so that noise meets all alike.
        let times = [
            timed(spawn),
            timed(|| worker.launch("true")),
            timed(|| worker.launch("isolated")),
            timed(|| session.call()),
        ];
        if round >= WARM_UP {
            let all = [&mut bare, &mut launch, &mut isolated, &mut call];
            for (series, time) in all.into_iter().zip(times) {
                series.times.push(time);
            }
        }
    }
    print_machine();
    print_table(&mut bare, &mut [&mut launch, &mut isolated, &mut call]);
}

/// The binaries of the profile that this benchmark was built with.
fn build_binaries() {
    let target = target_directory();
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
    assert!(
        target.ends_with("release"),
        "hint: run `cargo bench -p mini-mcp-tests`"
    );
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// std uses posix_spawn(3) here, which does not copy this process.
fn spawn() {
    let status = Command::new(PROGRAM).status().expect("it starts");
    assert!(status.success());
}

/// The worker alone; this process is the supervisor.
struct Worker {
    lane: Lane,
    client: UnixStream,
    front: Front,
    _end: OwnedFd,
}

impl Worker {
    fn start() -> Worker {
        let front = Front::with(&format!("{BASE}{ISOLATED}"));
        let (client, end) = front.client(ALICE);
        let lane = Lane::greeted(&front.site);
        Worker {
            lane,
            client,
            front,
            _end: end,
        }
    }

    /// From the request to the outcome, pipes included.
    fn launch(&self, tool: &str) {
        let pipes = self
            .lane
            .run(&self.front.site, self.client.as_fd(), tool, &[]);
        assert!(matches!(self.lane.hear(), Ok(Reply::Started { .. })));
        match self.lane.hear() {
            Ok(Reply::Finished(outcome)) => assert_eq!(outcome.status, Status::Exited(0)),
            other => panic!("{other:?}"),
        }
        drop(pipes);
    }
}

/// A client on the supervisor's socket that writes a line and reads a line.
struct Session {
    socket: UnixStream,
    answers: std::cell::RefCell<BufReader<UnixStream>>,
    _site: Site,
}

impl Session {
    fn start() -> Session {
        let site = Site::with(BASE).start();
        let socket = UnixStream::from(connect_as(ALICE, SockType::Stream, &site.front()));
        let reader = BufReader::new(socket.try_clone().expect("a descriptor"));
        let answers = std::cell::RefCell::new(reader);
        let session = Session {
            socket,
            answers,
            _site: site,
        };
        session.ask(r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"0"}}}"#);
        session.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        session
    }

    fn call(&self) {
        let answer = self.ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"true","arguments":{}}}"#);
        assert!(answer.contains(r#""exit_code":0"#), "{answer}");
    }

    fn ask(&self, line: &str) -> String {
        self.say(line);
        let mut answer = String::new();
        let mut answers = self.answers.borrow_mut();
        answers.read_line(&mut answer).expect("an answer");
        answer
    }

    fn say(&self, line: &str) {
        let line = format!("{line}\n");
        (&self.socket)
            .write_all(line.as_bytes())
            .expect("the server reads");
    }
}

struct Series {
    name: &'static str,
    times: Vec<Duration>,
}

impl Series {
    fn new(name: &'static str) -> Series {
        Series {
            name,
            times: Vec::with_capacity(ROUNDS),
        }
    }

    /// The time that `percent` of all runs do not exceed, in microseconds.
    fn percentile(&mut self, percent: usize) -> f64 {
        self.times.sort_unstable();
        self.times[self.times.len() * percent / 100].as_secs_f64() * 1e6
    }
}

fn print_table(bare: &mut Series, others: &mut [&mut Series]) {
    let base = [bare.percentile(10), bare.percentile(50)];
    println!(
        "{:22}{:>10}{:>10}{:>8}{:>8}",
        "", "p10 µs", "p50 µs", "p10", "p50"
    );
    println!(
        "{:22}{:>10.0}{:>10.0}{:>8.2}{:>8.2}",
        bare.name, base[0], base[1], 1.0, 1.0
    );
    for series in others {
        let (low, middle) = (series.percentile(10), series.percentile(50));
        let ratios = (low / base[0], middle / base[1]);
        println!(
            "{:22}{low:>10.0}{middle:>10.0}{:>8.2}{:>8.2}",
            series.name, ratios.0, ratios.1
        );
    }
}

fn print_machine() {
    let mut uname = Command::new("uname");
    let output = uname
        .args(["-s", "-r", "-m"])
        .stderr(Stdio::null())
        .output();
    let system = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let table = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = table
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{}, {cores} × {}, {ROUNDS} rounds of {PROGRAM}",
        system.unwrap_or_default(),
        model.map_or("unknown", |(_, name)| name)
    );
}
