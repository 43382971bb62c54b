//! The audit trail: what happened, in order, without gaps, before it happens.

use harness::{
    ALICE, BASE, BOB, CONTAINMENTS, Called, Client, Entry, FailingDisk, Process, Site, SmallDisk,
    eventually, unique,
};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn site() -> Site {
    Site::with(BASE).start()
}

/// Sequence numbers from 1 without a gap, times that never go back.
#[track_caller]
fn assert_gapless(trail: &[Entry]) {
    let numbers: Vec<u64> = trail
        .iter()
        .filter_map(|entry| entry.field("seq").as_u64())
        .collect();
    let expected: Vec<u64> = (1..=trail.len() as u64).collect();
    assert_eq!(numbers, expected);
    let times: Vec<&str> = trail.iter().map(|entry| entry.text("time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    for time in times {
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
    }
}

/// A worker's first line tells the policy; a call of Alice's makes two lines, the
/// first of which stood before the command ran.
#[test]
fn a_call_makes_two_lines() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call("print", &json!({"first": "a\"b\u{1f600}"}));
    assert_eq!(called.exit_code(), Some(0));
    let trail = site.audit();
    assert_gapless(&site.trail());
    let [open, start, end] = &trail[..] else {
        panic!("{trail:?}")
    };

    let digest: String = site
        .digest()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        (open.event(), open.text("policy")),
        ("open", digest.as_str())
    );

    assert!(start.is("start", "print"), "{start:?}");
    assert_eq!(start.text("principal"), "alice");
    assert_eq!(start.field("uid"), ALICE.uid());
    assert_eq!(start.field("gid"), ALICE.gid());
    assert_eq!(start.text("decision"), "allow");
    assert_eq!(start.text("rule"), "tool.print.allow");
    assert_eq!(
        start.field("argv"),
        &json!(["/usr/bin/printf", "[%s]\\n", "a\"b\u{1f600}", "default"])
    );
    assert!(!start.text("request").is_empty());

    assert_eq!(end.event(), "end");
    assert_eq!(end.text("run"), start.text("run"));
    assert_eq!(called.field("run_id"), start.text("run"));
    let outcome = end.field("outcome");
    assert_eq!(outcome["exit_code"], 0);
    assert_eq!(outcome["signal"], Value::Null);
    assert_eq!(
        (&outcome["timed_out"], &outcome["cancelled"]),
        (&json!(false), &json!(false))
    );
    for (ours, theirs) in [("wall_us", "wall_ms"), ("cpu_us", "cpu_ms")] {
        let (ours, theirs) = (outcome[ours].as_f64(), called.field(theirs).as_f64());
        assert!((ours.expect("a time") / 1000.0 - theirs.expect("a time")).abs() < 0.001);
    }
    assert_eq!(&outcome["memory_peak"], called.field("memory_peak_bytes"));
    assert!(outcome["memory_peak"].as_u64() > Some(100_000), "{outcome}");
}

/// The start stands in the trail while the command still runs.
#[test]
fn the_start_is_written_first() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let time = unique();
    let call = client.start_call("sleep", &json!({ "time": time }));
    let start = site.audited("the start", |entry| entry.is("start", "sleep"));
    assert_eq!(start.field("argv"), &json!(["/usr/bin/sleep", time]));
    assert!(site.audit().iter().all(|entry| entry.event() != "end"));
    client.cancel(call);
    let end = site.audited("the end", |entry| entry.event() == "end");
    assert_eq!(end.text("run"), start.text("run"));
    assert_eq!(end.field("outcome")["cancelled"], json!(true));
    assert_eq!(end.field("outcome")["signal"], 9);
}

/// Denials stand there too, with code, rule and reason, and nothing was run.
#[test]
fn denials_are_recorded() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let denied = client.call("print", &json!({"first": "-x"}));
    assert_eq!(denied.denied(), "leading_dash");
    assert!(client.call("bobs", &json!({})).is_unknown_tool());
    assert!(
        Client::attach(&site, BOB)
            .call("print", &json!({"first": "x"}))
            .is_unknown_tool()
    );
    let trail = site.audit();
    assert_gapless(&site.trail());
    let [_, dash, tool, bob] = &trail[..] else {
        panic!("{trail:?}")
    };

    assert!(dash.is("deny", "print"));
    assert_eq!(
        (dash.text("decision"), dash.text("by")),
        ("deny", "supervisor")
    );
    assert_eq!(dash.text("code"), "leading_dash");
    assert_eq!(dash.text("rule"), "tool.print.args.first");
    assert_eq!(dash.text("reason"), denied.reason());
    assert_eq!(dash.field("uid"), ALICE.uid());

    assert!(tool.is("deny", "bobs"));
    assert_eq!(tool.text("code"), "not_allowed");
    assert_eq!(tool.field("principals"), &json!(["alice"]));
    assert!(bob.is("deny", "print"));
    assert_eq!(bob.field("principals"), &json!(["ops"]));
    assert_eq!(bob.field("uid"), BOB.uid());
}

/// An allowed call that cannot be carried out is a refusal with its reason.
#[test]
fn refusals_are_recorded() {
    let tool = "\n[tool.gone]\ndescription = \"Is not there\"\ncommand = [\"/usr/bin/no-such-program\"]\nprofile = \"plain\"\nallow = [\"alice\"]\n";
    let site = Site::with(&format!("{BASE}{tool}")).start();
    let called = Client::attach(&site, ALICE).call("gone", &json!({}));
    let code = called.failed().to_owned();
    assert!(
        called.reason().contains("/usr/bin/no-such-program"),
        "{}",
        called.0
    );
    let trail = site.audit();
    assert_gapless(&site.trail());
    let last = trail.last().expect("a line");
    assert_eq!(
        (last.text("code"), last.text("reason")),
        (code.as_str(), called.reason())
    );
}

/// A timeout is told apart from a cancellation, in every containment.
#[test]
fn a_timeout_is_recorded() {
    let short = BASE.replace("timeout = \"20s\"", "timeout = \"300ms\"");
    for containment in CONTAINMENTS {
        let site = Site::with(&short).containment(containment).start();
        let called = Client::attach(&site, ALICE).call("sleep", &json!({"time": unique()}));
        assert_eq!(called.field("timed_out"), &json!(true), "{}", called.0);
        let end = site.audited("the end", |entry| entry.event() == "end");
        let outcome = end.field("outcome");
        assert_eq!(
            (&outcome["timed_out"], &outcome["cancelled"]),
            (&json!(true), &json!(false))
        );
        assert!(outcome["wall_us"].as_u64() >= Some(300_000), "{outcome}");
    }
}

/// A trail that cannot take its first line: the worker does not even start.
#[test]
fn without_a_trail_nothing_starts() {
    let site = Site::with(BASE).audit("/dev/full".into()).prepare();
    let child = site.worker_command().stderr(Stdio::piped()).spawn();
    let child = child.expect("the worker starts");
    let worker = Process::of(&child);
    let output = child.wait_with_output().expect("it ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("cannot write audit trail `/dev/full`"),
        "{error}"
    );
    assert!(!site.worker_socket().exists(), "its socket is left");
    assert_eq!(site.cgroups_of(worker), Vec::<PathBuf>::new());
}

/// A trail that fills up while the worker serves: from then on nothing runs and
/// the caller hears why, until there is room.
#[test]
fn a_full_trail_stops_calls() {
    let disk = SmallDisk::mount();
    let trail = disk.path("audit.jsonl");
    let site = Site::with(BASE).audit(trail.clone()).start();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    disk.fill();
    // The last page of the trail still takes some lines.
    let mut calls = (0..64).map(|_| client.call("true", &json!({})));
    let full = calls.find(Called::is_error).expect("the disk is full");
    assert_eq!(full.failed(), "audit", "{}", full.0);
    assert!(
        full.reason().contains("cannot write audit trail"),
        "{}",
        full.0
    );

    let starts = count_starts(&trail);
    let called = client.call("sleep", &json!({"time": unique()}));
    assert_eq!(called.failed(), "audit", "{}", called.0);
    assert!(called.field("run_id").is_null());
    let denied = client.call("print", &json!({"first": "-x"}));
    assert_eq!(
        denied.failed(),
        "audit",
        "a denial too must be recorded: {}",
        denied.0
    );
    assert_eq!(count_starts(&trail), starts);

    disk.make_room();
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    assert_eq!(count_starts(&trail), starts + 1);
}

/// A disk that the kernel makes read-only while the worker serves: nothing runs and the
/// caller hears why; once it is mended, the chain goes on.
#[test]
fn a_trail_that_becomes_read_only_stops_calls() {
    let disk = FailingDisk::mount();
    let trail = disk.path("audit.jsonl");
    let mut site = Site::with(BASE).audit(trail.clone()).start();
    {
        let client = Client::attach(&site, ALICE);
        assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
        disk.fail();
        let starts = count_starts(&trail);
        for arguments in [json!({"time": unique()}), json!({"time": "-x"})] {
            let called = client.call("sleep", &arguments);
            assert_eq!(called.failed(), "audit", "{}", called.0);
            assert!(
                called.reason().contains("Read-only file system"),
                "{}",
                called.0
            );
            assert!(called.field("run_id").is_null());
        }
        assert_eq!(count_starts(&trail), starts);
        let log = site.log_text("worker");
        assert!(log.contains("cannot write audit trail"), "{log}");
    }
    site.kill_supervisor();
    site.kill_worker();
    site.assert_no_process();
    disk.repair();
    site.start_worker();
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    let mut verify = Command::new(site.program("mini-mcp"));
    verify.args(["audit", "verify", "--audit"]).arg(&trail);
    let output = verify.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
}

/// Where the trail cannot be opened for writing, the worker does not even start.
#[test]
fn a_read_only_trail_starts_no_worker() {
    let disk = FailingDisk::mount();
    disk.fail();
    let trail = disk.path("audit.jsonl");
    let site = Site::with(BASE).audit(trail).prepare();
    let output = site.worker_command().output().expect("the worker starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot open audit trail"), "{error}");
    assert!(error.contains("Read-only file system"), "{error}");
}

/// What somebody does to the file while the worker serves is recorded within seconds,
/// told to administrators, and found by verification; calls go on.
#[test]
fn meddling_is_recorded_while_it_goes_on() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    let file = fs::OpenOptions::new().write(true).open(site.trail_file());
    file.expect("root may").set_len(200).expect("root may");
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    let tamper = eventually("it is noticed", Duration::from_secs(20), || {
        let text = fs::read_to_string(site.trail_file()).expect("the trail");
        let mut lines = text.lines();
        let line = lines.find(|line| line.contains(r#""event":"tamper""#))?;
        serde_json::from_str::<Value>(line).ok()
    });
    let reason = tamper["reason"].as_str().expect("a reason");
    assert!(reason.contains("its file was cut"), "{tamper}");
    let mut verify = Command::new(site.program("mini-mcp"));
    verify
        .args(["audit", "verify", "--audit"])
        .arg(site.trail_file());
    let output = verify.output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(site.log_text("worker").contains("tampered with"));
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
}

/// How many whole lines of `trail` are starts; one may be torn.
fn count_starts(trail: &Path) -> usize {
    let text = fs::read_to_string(trail).expect("the trail");
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["event"] == "start")
        .count()
}

/// The sequence goes on after a restart, and nobody but root reads the trail.
#[test]
fn the_trail_goes_on_and_is_closed() {
    let mut site = site();
    assert_eq!(
        Client::attach(&site, ALICE)
            .call("true", &json!({}))
            .exit_code(),
        Some(0)
    );
    site.kill_supervisor();
    site.kill_worker();
    site.start_worker();
    site.start_supervisor();
    assert_eq!(
        Client::attach(&site, ALICE)
            .call("true", &json!({}))
            .exit_code(),
        Some(0)
    );
    let trail = site.audit();
    assert_gapless(&site.trail());
    let events: Vec<&str> = trail.iter().map(Entry::event).collect();
    assert_eq!(events, ["open", "start", "end", "open", "start", "end"]);
    let runs: Vec<&str> = trail
        .iter()
        .filter(|entry| entry.event() == "start")
        .map(|entry| entry.text("run"))
        .collect();
    assert_ne!(runs[0], runs[1], "names of runs are not used again");
    let mode = fs::metadata(site.path("audit/audit.jsonl"))
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

/// Of two tools with one profile, one of which starts elsewhere.
#[test]
fn what_two_tools_run_under_is_told_apart() {
    let tool = |name: &str, more: &str| {
        format!(
            "[tool.{name}]\ndescription = \"d\"\ncommand = [\"/usr/bin/true\"]\nprofile = \"plain\"\nallow = [\"alice\"]\n{more}"
        )
    };
    let here = tool("here", "");
    let there = tool("there", "working_directory = \"/usr/bin\"\n");
    let site = Site::with(&format!("{BASE}{here}{there}")).start();
    let client = Client::attach(&site, ALICE);
    for name in ["here", "there", "here"] {
        let called = client.call(name, &json!({}));
        assert_eq!(called.exit_code(), Some(0), "{called:?}");
    }
    let trail = site.audit();
    let starts = trail.iter().filter(|entry| entry.event() == "start");
    let digests: Vec<&str> = starts.map(|entry| entry.text("sandbox")).collect();
    assert_eq!(digests[0], digests[2]);
    assert_ne!(digests[0], digests[1]);
}
