//! Nothing outlives its call: whatever ends it, and however it tries to hide.

use harness::{ALICE, BASE, CONTAINMENTS, Client, Process, Site, eventually, unique};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

const MORE: &str = r#"
[tool.script]
description = "Runs a Python script for a second"
command = ["/usr/bin/python3", "-I", "{file}", "{mark}"]
profile = "second"
allow = ["alice"]
[tool.script.args]
file = { type = "path", under = ["@site@/data"], access = "read" }
mark = { type = "string" }

[tool.long_script]
description = "Runs a Python script for a minute"
command = ["/usr/bin/python3", "-I", "{file}", "{mark}"]
profile = "plain"
allow = ["alice"]
[tool.long_script.args]
file = { type = "path", under = ["@site@/data"], access = "read" }
mark = { type = "string" }

[tool.patient_script]
description = "Runs a Python script for a second, and a minute more if it wants to tidy up"
command = ["/usr/bin/python3", "-I", "{file}", "{mark}"]
profile = "patient"
allow = ["alice"]
[tool.patient_script.args]
file = { type = "path", under = ["@site@/data"], access = "read" }
mark = { type = "string" }

[tool.hasty_script]
description = "Runs a Python script for a second and not a moment more"
command = ["/usr/bin/python3", "-I", "{file}", "{mark}"]
profile = "hasty"
allow = ["alice"]
[tool.hasty_script.args]
file = { type = "path", under = ["@site@/data"], access = "read" }
mark = { type = "string" }

[profile.patient]
extends = "second"
timeout_stop = "1min"

[profile.hasty]
extends = "second"
timeout_stop = "0s"

[profile.second]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
timeout = "1s"
tasks_max = 40
environment = { SITE = "@site@" }
"#;

/// Says something, then leaves descendants that ignore every signal they can and
/// belong to nobody: sessions of their own, parents gone, standard output closed
/// in one and held open in the other. The mark is in their arguments.
const DAEMONS: &str = r#"
import os, signal, sys, time
print("so far", flush=True)
def daemon(close):
    if os.fork(): return
    os.setsid()
    if os.fork(): os._exit(0)
    for number in range(1, 32):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    if close:
        for number in range(3): os.close(number)
    os.execv("/usr/bin/sleep", ["sleep", sys.argv[1]])
daemon(True); daemon(False)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
time.sleep(3600)
"#;

/// Forks without end; each child sleeps under the mark.
const BOMB: &str = r#"
import os, sys, time
failures = 0
while failures < 1000:
    try:
        if not os.fork(): os.execv("/usr/bin/sleep", ["sleep", sys.argv[1]])
    except OSError: failures += 1; time.sleep(0.001)
print("refused", flush=True)
time.sleep(3600)
"#;

/// Tidies up when it is asked to end: a daemon of its own, a stopped child, and last
/// the script itself, which waits for both.
const TIDY: &str = r#"
import os, signal, sys, time
os.environ["MARK"] = sys.argv[1]
here, there = os.pipe()
def tidy(what, stop=False, session=False):
    def told(*_):
        os.write(1, f"{what} tidies up\n".encode()); os.write(there, b"x"); os._exit(0)
    if os.fork(): return
    signal.signal(signal.SIGTERM, told)
    if session:
        os.setsid()
        if os.fork(): os._exit(0)
    if stop: os.kill(os.getpid(), signal.SIGSTOP)
    while True: time.sleep(1)
tidy("child", stop=True); tidy("daemon", session=True)
def last(*_):
    left = 2
    while left: left -= len(os.read(here, 1))
    os.write(1, b"script tidies up\n"); os._exit(3)
signal.signal(signal.SIGTERM, last)
while True: time.sleep(1)
"#;

const REACH: Duration = Duration::from_secs(1);
const START: Duration = Duration::from_secs(15);

fn site(containment: &str) -> Site {
    let policy = format!("{BASE}{MORE}");
    let site = Site::with(&policy).containment(containment).start();
    site.file("data/daemons.py", DAEMONS);
    site.file("data/bomb.py", BOMB);
    site
}

/// Waits for `count` processes with the mark besides the script itself.
fn await_marked(mark: &str, count: usize) {
    eventually("the descendants run", START, || {
        let mut marked = Process::with_argument(mark);
        marked.retain(|process| {
            process
                .arguments()
                .first()
                .is_some_and(|name| name == "sleep")
        });
        (marked.len() >= count).then_some(())
    });
}

#[track_caller]
fn assert_gone(mark: &str, limit: Duration) {
    eventually("no process has the mark", limit, || {
        Process::with_argument(mark).is_empty().then_some(())
    });
}

/// Alice's script leaves daemons and ignores SIGTERM; at its timeout everything is
/// gone when the answer comes, and what it said so far is in the answer.
#[test]
fn a_timeout_kills_daemons_and_keeps_the_output() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        let mark = unique();
        let file = site.path("data/daemons.py");
        let call = client.start_call("script", &json!({ "file": file, "mark": mark }));
        await_marked(&mark, 2);
        let called = client.called(call);
        assert_eq!(Process::with_argument(&mark), [], "{containment}");
        assert_eq!(
            called.field("timed_out"),
            &json!(true),
            "{containment}: {}",
            called.0
        );
        assert_eq!(called.stdout(), "so far\n");
        assert!(called.text().contains("timed out"), "{}", called.text());
    }
}

/// When time is up every process is asked to end, wherever it hides, and has time for
/// it; what is written meanwhile counts.
#[test]
fn a_timeout_leaves_time_to_tidy_up() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let file = site.file("data/tidy.py", TIDY);
        let client = Client::attach(&site, ALICE);
        let called = client.call("patient_script", &json!({ "file": file, "mark": unique() }));
        let mut lines: Vec<&str> = called.stdout().lines().collect();
        assert_eq!(
            lines.pop(),
            Some("script tidies up"),
            "{containment}: {}",
            called.0
        );
        lines.sort_unstable();
        assert_eq!(lines, ["child tidies up", "daemon tidies up"]);
        assert_eq!(called.field("timed_out"), &json!(true));
        assert_eq!(called.exit_code(), Some(3));
        assert!(called.is_error());
    }
}

/// Without grace nothing is asked: the program is killed.
#[test]
fn without_grace_a_timeout_kills_at_once() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let file = site.file("data/tidy.py", TIDY);
        let client = Client::attach(&site, ALICE);
        let called = client.call("hasty_script", &json!({ "file": file, "mark": unique() }));
        assert_eq!(called.field("signal"), &json!("SIGKILL"), "{containment}");
        assert_eq!(called.field("timed_out"), &json!(true));
        assert_eq!(called.stdout(), "");
    }
}

/// Who is cancelled gets no grace, not even in the midst of it.
#[test]
fn a_cancellation_ends_the_grace() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        let mark = unique();
        let file = site.path("data/daemons.py");
        let call = client.start_call("patient_script", &json!({ "file": file, "mark": mark }));
        await_marked(&mark, 2);
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!Process::with_argument(&mark).is_empty(), "{containment}");
        client.cancel(call);
        assert_gone(&mark, REACH);
        let entry = site.audited("the end", |entry| entry.event() == "end");
        assert_eq!(entry.field("outcome")["timed_out"], json!(true));
    }
}

/// The script itself ends by its own will, its daemons do not: they are gone when
/// the answer comes, though one holds the output open.
#[test]
fn an_exit_takes_the_daemons_along() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let script = DAEMONS.replace("time.sleep(3600)", "time.sleep(0.5); os._exit(7)");
        let file = site.file("data/leave.py", &script);
        let client = Client::attach(&site, ALICE);
        let mark = unique();
        let call = client.start_call("long_script", &json!({ "file": file, "mark": mark }));
        await_marked(&mark, 2);
        let called = client.called(call);
        assert_eq!(Process::with_argument(&mark), [], "{containment}");
        assert_eq!(called.exit_code(), Some(7), "{containment}");
        assert_eq!(called.stdout(), "so far\n");
    }
}

/// Cancelling reaches daemons as well.
#[test]
fn a_cancellation_kills_daemons() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        let mark = unique();
        let file = site.path("data/daemons.py");
        let call = client.start_call("long_script", &json!({ "file": file, "mark": mark }));
        await_marked(&mark, 2);
        client.cancel(call);
        assert_gone(&mark, REACH);
    }
}

/// A client that just goes away, without a word: directly or with its bridge.
#[test]
fn a_vanished_client_takes_its_commands_along() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let file = site.path("data/daemons.py");
        for attach in [Client::attach, Client::bridge] {
            let client = attach(&site, ALICE);
            let mark = unique();
            client.start_call("long_script", &json!({ "file": file, "mark": mark }));
            await_marked(&mark, 2);
            client.vanish();
            assert_gone(&mark, REACH);
        }
    }
}

/// `kill -9` of the supervisor in mid-command.
#[test]
fn a_killed_supervisor_takes_all_commands_along() {
    for containment in CONTAINMENTS {
        let mut site = site(containment);
        let client = Client::attach(&site, ALICE);
        let mark = unique();
        let file = site.path("data/daemons.py");
        client.start_call("long_script", &json!({ "file": file, "mark": mark }));
        await_marked(&mark, 2);
        site.kill_supervisor();
        assert_gone(&mark, REACH);
        eventually("the lanes end", START, || {
            site.lanes().is_empty().then_some(())
        });
        // The worker is unharmed: a new supervisor finds it.
        site.start_supervisor();
        let client = Client::attach(&site, ALICE);
        assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    }
}

/// `kill -9` of the lane that runs the command; the client hears of it.
#[test]
fn a_killed_lane_takes_its_command_along() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        let mark = unique();
        let file = site.path("data/daemons.py");
        let call = client.start_call("long_script", &json!({ "file": file, "mark": mark }));
        await_marked(&mark, 2);
        let lane = lane_of(&site, &mark);
        lane.kill();
        assert_gone(&mark, REACH);
        let called = client.called(call);
        assert!(called.is_error(), "{}", called.0);
        // One lost lane costs one call.
        assert_eq!(
            client.call("true", &json!({})).exit_code(),
            Some(0),
            "{containment}"
        );
        site.audited("the lost run is recorded", |entry| {
            entry.event() == "end" && entry.field("outcome").is_null()
        });
    }
}

/// The lane among whose descendants the script is.
fn lane_of(site: &Site, mark: &str) -> Process {
    let has_mark = |process: &Process| process.arguments().iter().any(|word| word == mark);
    let holds = |lane: &Process| {
        let (mut left, mut found) = (lane.children(), false);
        while let Some(process) = left.pop() {
            found |= has_mark(&process);
            left.extend(process.children());
        }
        found
    };
    site.lanes()
        .into_iter()
        .find(holds)
        .expect("a lane runs it")
}

/// `kill -9` of the worker's first process; the next one cleans up after it.
#[test]
fn a_killed_worker_takes_all_commands_along() {
    for containment in CONTAINMENTS {
        let mut site = site(containment);
        let client = Client::attach(&site, ALICE);
        let mark = unique();
        let file = site.path("data/daemons.py");
        let call = client.start_call("long_script", &json!({ "file": file, "mark": mark }));
        await_marked(&mark, 2);
        let (worker, lanes) = (site.worker(), site.lanes());
        site.kill_worker();
        assert_gone(&mark, REACH);
        eventually("the lanes end", START, || {
            lanes.iter().all(|lane| !lane.alive()).then_some(())
        });
        assert!(client.called(call).is_error());
        site.start_worker();
        assert_eq!(site.cgroups_of(worker), Vec::<std::path::PathBuf>::new());
    }
}

/// How many processes with this mark there are at the moment at which the last is found:
/// whoever is there afterwards as well. While they are looked for, some end and others come.
fn at_once(mark: &str) -> usize {
    let mut found = Process::with_argument(mark);
    found.retain(|process| process.alive());
    found.len()
}

/// A fork bomb meets its limit and is cleaned up.
#[test]
fn a_fork_bomb_is_bounded_and_cleaned_up() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        let mark = unique();
        let file = site.path("data/bomb.py");
        let call = client.start_call("script", &json!({ "file": file, "mark": mark }));
        let mut most = 0;
        let called = loop {
            most = most.max(at_once(&mark));
            if let Some(answer) = client.poll(call) {
                break answer;
            }
        };
        assert!(
            (5..=45).contains(&most),
            "{containment}: {most} processes at once"
        );
        assert_eq!(Process::with_argument(&mark), [], "{containment}");
        assert_eq!(called.field("timed_out"), &json!(true));
        assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    }
}

/// A worker without a descriptor to spare turns nobody away and does not end: who
/// connects is let in when there is room again.
#[test]
fn a_shortage_passes() {
    let mut site = Site::with(BASE).worker_only();
    let worker = site.worker();
    // It listens before it has opened all that it needs; what it waits by comes last.
    // Some of that it closes again: below the first number that is free for good none may
    // become free, or there would be room for the connection, and none for its lane.
    let open = eventually("it waits", Duration::from_secs(10), || {
        let open = worker.descriptors();
        let waits = |file: &PathBuf| file.to_string_lossy().contains("eventpoll");
        let still = worker.status().get("State")?.starts_with('S');
        std::thread::sleep(Duration::from_millis(50));
        let settled = still && open.values().any(waits) && worker.descriptors() == open;
        settled.then_some(open)
    });
    let free = (0..).find(|number| !open.contains_key(number));
    let free = free.and_then(|number| u32::try_from(number).ok());
    set_descriptor_limit(worker, free.expect("a number"));
    let relief = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        set_descriptor_limit(worker, 1024);
    });
    site.start_supervisor();
    relief.join().expect("it ends");
    assert!(
        site.log_text("worker")
            .contains("cannot let the supervisor in")
    );
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).success(), "");
    assert_eq!(site.worker().id(), worker.id());
}

fn set_descriptor_limit(process: Process, limit: u32) {
    let mut command = std::process::Command::new("prlimit");
    command.arg("--pid").arg(process.id().to_string());
    let status = command.arg(format!("--nofile={limit}:2000")).status();
    assert!(status.expect("util-linux is there").success());
}
